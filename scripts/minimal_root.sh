#!/usr/bin/env bash
# The README's commands on a fresh machine: in a minimal Debian root, in which there is nothing but
# Python, its venv module, git, make and the certificates. What is installed outside hides what the
# project forgot to ask for; in there it shows.
#
#   scripts/minimal_root.sh                        make demo, then make test
#   scripts/minimal_root.sh COMMAND ...            these commands instead, each run by a shell
#
# The commit that is checked out is cloned into the root: changes that are not committed are not in
# it. Exit status 1 if a command fails or the root cannot be made. Needs root, for the mounts.
#
#   KWS_ROOT_CACHE   where the unpacked packages are kept between runs, and where the root is made
#                    (default: ~/.cache/kws/minimal-root; some 5 GB while a run lasts)
#   KWS_ROOT_SUITE   the release of Debian (default: bookworm, with Python 3.11)
#   KWS_ROOT_MIRROR  where its packages come from (default: as apt does on Debian)
set -euo pipefail

PACKAGES=python3,python3-venv,git,make,ca-certificates
SUITE=${KWS_ROOT_SUITE:-bookworm}
CACHE=${KWS_ROOT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kws/minimal-root}
CHECKOUT=$(cd "$(dirname "$0")/.." && pwd)
SCRIPT=$CHECKOUT/scripts/$(basename "$0")
LOGS=$CHECKOUT/build/minimal-root

fail() {
  echo "minimal root: $*" >&2
  exit 1
}

[ "$(uname -s)" = Linux ] || fail "needs Linux, for debootstrap and chroot"
[ "$(id -u)" = 0 ] || fail "needs root: sudo scripts/minimal_root.sh"

# All that follows has mounts and processes of its own, which end with this script however it ends:
# no mount is left over, and none of the outside is in the way when the root is removed.
if [ -z "${KWS_ROOT_UNSHARED:-}" ]; then
  unshare --mount --pid --fork true 2>/dev/null || fail "no right to mount here (unshare fails)"
  KWS_ROOT_UNSHARED=1 exec unshare --mount --pid --fork --kill-child bash "$SCRIPT" "$@"
fi
[ $# -gt 0 ] || set -- "make demo" "make test"

mkdir -p "$CACHE" "$LOGS"
exec 9>"$CACHE/lock"
flock --nonblock 9 || {
  echo "minimal root: waits for another run in $CACHE"
  flock 9
}
ROOT=$CACHE/root
remove_root() {
  # In the order opposite to the mounts; what is not mounted (any more) is no error.
  if [ -d "$ROOT" ]; then
    { grep -o " $ROOT/[^ ]*" /proc/self/mounts || true; } | sort -r | xargs -r umount --lazy
    rm -rf --one-file-system "$ROOT"
  fi
}
# shellcheck disable=SC2317  # the trap calls it
finish() {
  remove_root
  # nothing of the checkout is root's who began as a user, with sudo
  chown --recursive --reference "$CHECKOUT" "$CHECKOUT/build"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
remove_root # what a run that was killed has left

# --- the packages: once, as an archive that is written whole or not at all ---

ARCHIVE=$CACHE/$SUITE-$(uname -m)-$(echo "$PACKAGES" | cksum | cut -d ' ' -f 1).tar
if [ ! -f "$ARCHIVE" ]; then
  if ! command -v debootstrap >/dev/null; then
    command -v apt-get >/dev/null || fail "needs debootstrap, and there is no apt-get to install it"
    { apt-get update && apt-get install -y debootstrap debian-archive-keyring; } \
      >"$LOGS/debootstrap.log" 2>&1 ||
      fail "debootstrap cannot be installed: $(tail -n 1 "$LOGS/debootstrap.log")"
  fi
  MIRROR=${KWS_ROOT_MIRROR:-}
  if [ -z "$MIRROR" ] && grep -q '^ID=debian' /etc/os-release; then
    # shellcheck disable=SC2016  # apt fills it in
    MIRROR=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep -m 1 '/debian/\?$' || true)
  fi
  echo "minimal root: debootstrap $SUITE with $PACKAGES"
  debootstrap --variant=minbase --include="$PACKAGES" "$SUITE" "$ROOT" \
    "${MIRROR:-http://deb.debian.org/debian}" >"$LOGS/debootstrap.log" 2>&1 ||
    fail "debootstrap: $(tail -n 1 "$LOGS/debootstrap.log")"
  rm -rf "$ROOT"/var/cache/apt/archives/*.deb "$ROOT"/var/lib/apt/lists/*
  tar --create --file "$ARCHIVE.part" --one-file-system --directory "$ROOT" .
  mv "$ARCHIVE.part" "$ARCHIVE"
  remove_root
fi
mkdir "$ROOT"
tar --extract --file "$ARCHIVE" --directory "$ROOT"

# --- the checkout, and from the outside only what reaches the package index ---

# git takes nothing from another user's checkout but where it is told so, and only by such a file
printf '[safe]\n\tdirectory = *\n' >"$CACHE/gitconfig"
GIT_CONFIG_GLOBAL=$CACHE/gitconfig git clone --quiet "$CHECKOUT" "$ROOT/kws" ||
  fail "git cannot clone $CHECKOUT"
mount -t proc proc "$ROOT/proc" || fail "no right to mount /proc"
mount --rbind /dev "$ROOT/dev" || fail "no right to mount /dev"
mount --make-rslave "$ROOT/dev"

# A file or folder of the outside under the same name inside; a folder cannot be written to there.
lend() {
  if [ -f "$1" ]; then
    mkdir -p "$ROOT$(dirname "$1")"
    cp --dereference "$1" "$ROOT$1"
  elif [ -d "$1" ]; then
    mkdir -p "$ROOT$1"
    mount --bind -o ro "$1" "$ROOT$1"
  fi
}
for path in /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt /etc/pip.conf \
  /etc/xdg/pip/pip.conf; do
  lend "$path"
done
mkdir -p "$ROOT/root/.config/pip" "$ROOT/root/.cache/pip"
for path in "$HOME/.pip/pip.conf" "${XDG_CONFIG_HOME:-$HOME/.config}/pip/pip.conf"; do
  [ ! -f "$path" ] || cp "$path" "$ROOT/root/.config/pip/pip.conf"
done
# pip's downloads are kept outside: minutes, the second time.
PIP_CACHE=$(python3 -m pip cache dir 2>/dev/null || true)
if [ -n "$PIP_CACHE" ]; then
  mkdir -p "$PIP_CACHE"
  mount --bind "$PIP_CACHE" "$ROOT/root/.cache/pip"
fi

SETTINGS=()
while IFS= read -r name; do
  SETTINGS+=("$name=${!name}")
done < <(compgen -e | grep -E '^(PIP_.*|(https?|no|all)_proxy|(HTTPS?|NO|ALL)_PROXY|SSL_CERT_FILE|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE)$' | grep -vx PIP_CACHE_DIR || true)
# Folders of wheels, local indexes, constraints and certificates that these and pip's files name;
# what a local index lists lies beside its folder "simple".
while IFS= read -r path; do
  lend "$path"
done < <({
  python3 -m pip config list 2>/dev/null | grep -v cache-dir || true
  printf '%s\n' ${SETTINGS[@]+"${SETTINGS[@]}"}
} | grep -oE "(file://|[ '\"=])/[^ '\",]+" | grep -oE '/[^/].*' | sed 's,/simple/*$,,' | sort -u || true)

# --- the commands ---

echo "minimal root: Debian $SUITE with $PACKAGES; $(git -C "$ROOT/kws" log -1 --format='%h %s')"
status=0
for command in "$@"; do
  log=$LOGS/$(printf %s "$command" | tr -cs a-zA-Z0-9 - | cut -c 1-60).log
  echo "minimal root: $command (output: $log)"
  started=$SECONDS
  result=0
  chroot "$ROOT" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
    ${SETTINGS[@]+"${SETTINGS[@]}"} bash -c "cd /kws && $command" </dev/null >"$log" 2>&1 9>&- ||
    result=$?
  # The detections of the demo; of the tests what was skipped and what failed, and their last line.
  grep -E '^ +[0-9.]+ – ' "$log" || true
  sed -n '/short test summary info/,$p' "$log" | grep -vE '^(make|=+ short)' || true
  if [ "$result" != 0 ]; then
    status=1
    echo "minimal root: $command FAILED with exit status $result; the end of its output:"
    tail -n 30 "$log"
  else
    echo "minimal root: $command passed in $((SECONDS - started)) s"
  fi
done
exit "$status"
