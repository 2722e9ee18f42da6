# Sourced by ./dev: configure and build one preset.

configure() {
  local preset=$1 options=()
  if [[ -d $boost_unpacked/usr/include ]]; then
    options+=("-DSLUICE_BOOST_INCLUDE=$boost_unpacked/usr/include")
  fi
  cmake --preset "$preset" "${options[@]}" >"build/configure-$preset.log" 2>&1 || {
    tail -n 40 "build/configure-$preset.log" >&2
    echo "dev: cmake could not configure the preset '$preset' (build/configure-$preset.log)" >&2
    return 1
  }
}

# build_target PRESET TARGET
build_target() {
  local preset=$1 target=$2
  case $preset in
    dev | release | asan | tsan) ;;
    *) echo "dev: unknown preset '$preset': dev, release, asan, tsan" >&2; exit 2 ;;
  esac
  mkdir -p build
  configure "$preset"
  echo "dev: building $target ($preset)" >&2
  cmake --build "build/$preset" --target "$target" >&2
}
