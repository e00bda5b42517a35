#!/usr/bin/env bash
# qemu-user 7.2 (Debian 12: qemu-user-static 1:7.2+dfsg-7+deb12u18+b3): to a program of another
# architecture getsockopt(TCP_INFO) succeeds and gives back 4 bytes, whatever the size asked for.
#
# Seen: an arm64 Python asks for 104 bytes of struct tcp_info of a connected socket. Under qemu-aarch64
# it gets 4; the same script in this machine's own Python gets 104. The kernel is the same. qemu-user
# takes every option of the TCP level for an integer (linux-user/syscall.c, do_getsockopt) and says
# neither that it did nor that anything is missing: the call returns 0.
#
# Who reads a field behind the first four bytes (unacknowledged bytes, round trip) reads what was in the
# buffer before, so a test of such code under emulation fails, or passes, for no reason of the code.
# Compare the length that getsockopt() gives back with what is read.
# Prints what it saw; exit 1 if qemu-user behaves otherwise.
set -euo pipefail

emulator=1:7.2+dfsg-7+deb12u18+b3
python=3.11.2-6+deb12u9
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
[[ $(dpkg --print-architecture) == amd64 ]] || { echo "runs on amd64 only" >&2; exit 1; }

# The package lists of arm64, apart from this machine's.
mkdir -p lists/partial cache/archives/partial state
touch state/status
apt=(apt-get -o Dir::State="$folder/state" -o Dir::State::Lists="$folder/lists"
  -o Dir::State::status="$folder/state/status" -o Dir::Cache="$folder/cache"
  -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root)
"${apt[@]}" update >/dev/null
mkdir arm64 amd64
(cd arm64 && "${apt[@]}" download "python3.11-minimal=$python" "libpython3.11-minimal=$python" \
  libc6=2.36-9+deb12u14 zlib1g=1:1.2.13.dfsg-1 libexpat1=2.5.0-1+deb12u2 >/dev/null)
(cd amd64 && apt-get -o APT::Sandbox::User=root download "qemu-user-static=$emulator" >/dev/null)
for package in arm64/*.deb; do dpkg-deb -x "$package" root; done
dpkg-deb -x amd64/*.deb qemu

cat >ask.py <<'PYTHON'
import _socket
server = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
server.bind(("127.0.0.1", 0))
server.listen(1)
client = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
client.connect(server.getsockname())
print(len(client.getsockopt(_socket.IPPROTO_TCP, 11, 104)), "of 104 bytes")  # 11: TCP_INFO
PYTHON
{
  echo "emulated: $(qemu/usr/bin/qemu-aarch64-static -L root root/usr/bin/python3.11 -S ask.py)"
  echo "native: $(python3 -S ask.py)"
} | tee seen
cat >expected <<'SEEN'
emulated: 4 of 104 bytes
native: 104 of 104 bytes
SEEN
diff expected seen && echo "as described, qemu-user $emulator"
