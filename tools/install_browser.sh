#!/usr/bin/env bash
# Debian's Chromium and its driver, for tests/browser. Does nothing where they are; where they cannot be installed it says
# why, and the tests are left out with the same reason.
set -u

if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then
  exit 0
fi
if ! command -v apt-get >/dev/null; then
  echo "browser: chromium and chromedriver are not here, and this is no Debian to install them on. tests/browser is left out."
  exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "browser: chromium and chromedriver are not here; 'apt-get install chromium chromium-driver' needs root. tests/browser is left out."
  exit 0
fi
export DEBIAN_FRONTEND=noninteractive
if ! { timeout 120 apt-get update -qq && timeout 480 apt-get install -y -qq --no-install-recommends chromium chromium-driver; } >/dev/null 2>&1; then
  echo "browser: 'apt-get install chromium chromium-driver' failed. tests/browser is left out."
fi
