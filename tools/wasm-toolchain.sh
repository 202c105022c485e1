#!/usr/bin/env bash
# Prints the environment that `cargo build --target wasm32-wasip1` needs. Installs what is missing:
#   1. the target of the toolchain in use, if it is installed;
#   2. `rustup target add`, unless RUSTUP_AUTO_INSTALL=0 forbids downloads by rustup;
#   3. Debian's rustc with its prebuilt wasm standard library, unpacked into a private folder (no
#      root, no unstable flags; apt checks the signatures and uses the mirror that it is set up for).
# Use: eval "$(tools/wasm-toolchain.sh)". WASM_TOOLCHAIN=debian skips 1 and 2.
set -euo pipefail
dest=$(realpath -m "${WASM_TOOLCHAIN_DIR:-.tools/wasm}")

has_target() {
  local dir
  dir=$("$1" --print target-libdir --target wasm32-wasip1 2>/dev/null) && compgen -G "$dir/libstd-*.rlib" >/dev/null
}

if [[ ${WASM_TOOLCHAIN:-auto} != debian ]]; then
  if has_target "${RUSTC:-rustc}"; then exit 0; fi
  if [[ ${RUSTUP_AUTO_INSTALL:-1} != 0 ]] && command -v rustup >/dev/null && timeout 300 rustup target add wasm32-wasip1 >&2; then exit 0; fi
fi

# unpack SUITE: leaves rustc, wasm-ld and the standard library under $dest
unpack() {
  local suite=$1 tmp=$dest.tmp mirror lld lib path
  # shellcheck disable=SC2016 # apt replaces $(URI), not the shell.
  mirror=$(apt-get indextargets --format '$(URI)' | sed -n 's#/dists/.*##p' | grep -v security | head -n 1)
  [[ $mirror ]] || { echo "wasm-toolchain: apt has no sources" >&2; return 1; }
  rm -rf "$tmp"
  mkdir -p "$tmp"/apt/{lists,archives}/partial "$tmp"/apt/pref "$tmp"/{root,bin}
  : >"$tmp/apt/status"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$tmp/apt/sources.list"
  cat >"$tmp/apt/conf" <<C
Dir::State "$tmp/apt"; Dir::State::Lists "$tmp/apt/lists"; Dir::State::status "$tmp/apt/status";
Dir::Cache "$tmp/apt"; Dir::Cache::archives "$tmp/apt/archives"; Dir::Etc::sourcelist "$tmp/apt/sources.list";
Dir::Etc::sourceparts "-"; Dir::Etc::preferencesparts "$tmp/apt/pref"; Dir::Etc::preferences "/dev/null";
APT::Architecture "amd64"; APT::Sandbox::User ""; Acquire::Languages "none"; Debug::NoLocking "1"; APT::Install-Recommends "0";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
C
  local apt=(-c "$tmp/apt/conf" -qq)
  apt-get "${apt[@]}" update >&2 || return 1
  lld=$(apt-cache -c "$tmp/apt/conf" show libstd-rust-dev-wasm32 | sed -n 's/^Recommends:.*\(lld-[0-9]*\).*/\1/p' | head -n 1)
  [[ $lld ]] || return 1
  apt-get "${apt[@]}" -y --download-only install libstd-rust-dev libstd-rust-dev-wasm32 "$lld" >&2 || return 1
  (cd "$tmp/apt/archives" && apt-get "${apt[@]}" download rustc >&2) || return 1
  for deb in "$tmp"/apt/archives/*.deb; do dpkg-deb -x "$deb" "$tmp/root" || return 1; done
  rm -rf "$tmp/apt" "$tmp"/root/usr/share "$tmp"/root/usr/lib/rustlib/{wasm32-wasip2,wasm32-unknown-unknown}
  # Its C library is newer than this system's, so the programs start through their own loader.
  lib=$dest/root/usr/lib/x86_64-linux-gnu
  path=$lib:$dest/root/usr/lib/llvm-${lld#lld-}/lib
  printf '#!/bin/sh\nexec "%s" --library-path "%s" "%s" "$@"\n' \
    "$lib/ld-linux-x86-64.so.2" "$path" "$dest/root/usr/bin/rustc" >"$tmp/bin/rustc"
  printf '#!/bin/sh\nexec "%s" --library-path "%s" --argv0 wasm-ld "%s" "$@"\n' \
    "$lib/ld-linux-x86-64.so.2" "$path" "$dest/root/usr/lib/llvm-${lld#lld-}/bin/wasm-ld" >"$tmp/bin/wasm-ld"
  chmod +x "$tmp"/bin/*
  rm -rf "$dest"
  mv "$tmp" "$dest"
  has_target "$dest/bin/rustc"
}

if ! { [[ -x $dest/bin/rustc ]] && has_target "$dest/bin/rustc"; }; then
  for suite in ${DEBIAN_SUITE:-forky trixie}; do
    if unpack "$suite"; then break; fi
    echo "wasm-toolchain: Debian $suite does not serve" >&2
  done
  has_target "$dest/bin/rustc" || { echo "wasm-toolchain: no toolchain with wasm32-wasip1 could be set up" >&2; exit 1; }
fi
echo "export RUSTC='$dest/bin/rustc' CARGO_TARGET_WASM32_WASIP1_LINKER='$dest/bin/wasm-ld'"
