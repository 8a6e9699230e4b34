"""`stepwell serve --watch`: code and definitions reload when they change."""
