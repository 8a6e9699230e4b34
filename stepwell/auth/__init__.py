"""Who is calling, and what they may do: signatures of AWS (SigV4), JSON Web Tokens, static tokens.

Knows neither routes nor what an answer looks like: `stepwell/api/doors.py` says which credential a route takes.
"""
