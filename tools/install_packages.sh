#!/usr/bin/env bash
# Programs of Debian's that tests need: tools/install_packages.sh PROGRAM...
#
#   chromium chromedriver   tests/browser
#   strace                  tests/faults: what reaches the disk before a power cut
#   faketime                tests/faults: a clock that is moved
#
# Does nothing where they are; where they cannot be installed it says why, and the tests that need them are left out with
# the same reason.
set -u

missing=()
for program in "$@"; do
  if ! command -v "$program" >/dev/null; then
    case "$program" in
      chromedriver) missing+=(chromium-driver) ;;
      *) missing+=("$program") ;;
    esac
  fi
done
if [ "${#missing[@]}" -eq 0 ]; then
  exit 0
fi
without="The tests that need it are left out."
if ! command -v apt-get >/dev/null; then
  echo "packages: ${missing[*]} is not here, and this is no Debian to install it on. $without"
  exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "packages: ${missing[*]} is not here; 'apt-get install ${missing[*]}' needs root. $without"
  exit 0
fi
export DEBIAN_FRONTEND=noninteractive
timeout 120 apt-get update -qq >/dev/null 2>&1
for package in "${missing[@]}"; do
  if ! timeout 480 apt-get install -y -qq --no-install-recommends "$package" >/dev/null 2>&1; then
    echo "packages: 'apt-get install $package' failed. $without"
  fi
done
