#!/bin/sh
# Installs the few system libraries that pip cannot bring (venv support, OpenGL for Open3D).
# Debian and Ubuntu: through apt, when root or passwordless sudo allows it; else it prints the line.
set -u
python=${1:-python3}
missing=""
"$python" -c 'import ensurepip, venv' 2>/dev/null || missing="python3-venv"
have() { ldconfig -p 2>/dev/null | grep -q "$1" || [ -n "$(find /usr/lib /lib -name "$1*" -print -quit 2>/dev/null)" ]; }
if [ "$(uname -s)" = Linux ]; then
  have libGL.so.1 || missing="$missing libgl1"
  have libEGL.so.1 || missing="$missing libegl1"
  have libX11.so.6 || missing="$missing libx11-6"
  have libgomp.so.1 || missing="$missing libgomp1"
  have libusb-1.0.so.0 || missing="$missing libusb-1.0-0"
fi
[ -z "$missing" ] && exit 0
line="apt-get install -y --no-install-recommends $missing"
if ! command -v apt-get >/dev/null 2>&1; then
  echo "note: these system libraries are missing (Debian names):$missing" >&2
  exit 0
fi
if [ "$(id -u)" = 0 ]; then root=""; elif sudo -n true 2>/dev/null; then root="sudo -n"; else
  case "$missing" in
    python3-venv*) echo "please run:  sudo $line" >&2; exit 2 ;;
    *) echo "note: for the simulated homes please run:  sudo $line" >&2; exit 0 ;;
  esac
fi
echo "installing system libraries: $missing"
export DEBIAN_FRONTEND=noninteractive
$root apt-get update -qq && $root $line >/dev/null || { echo "please run:  sudo $line" >&2; exit 2; }
