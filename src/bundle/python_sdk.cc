#include "bundle/python_sdk.h"

#include "base/file.h"
#include "bundle/bundle.h"

// The assembler copies the file into the read-only data; no generated source of a megabyte.
__asm__(
    ".pushsection .rodata\n"
    ".global sluice_python_sdk_begin\n"
    ".global sluice_python_sdk_end\n"
    "sluice_python_sdk_begin:\n"
    ".incbin \"" SLUICE_PYTHON_SDK_ARCHIVE
    "\"\n"
    "sluice_python_sdk_end:\n"
    ".byte 0\n"
    ".popsection\n");
extern "C" const char sluice_python_sdk_begin[];
extern "C" const char sluice_python_sdk_end[];

namespace sluice::bundle {

std::string_view python_sdk_archive() {
  return {sluice_python_sdk_begin,
          static_cast<std::size_t>(sluice_python_sdk_end - sluice_python_sdk_begin)};
}

Status unpack_python_sdk(const std::filesystem::path& folder, const Limits& limits) {
  SLUICE_OK(remove_tree(folder));
  if (Status unpacked = unpack(python_sdk_archive(), folder, limits); !unpacked) {
    return fail(std::move(unpacked).error().wrap("unpack the Python SDK"));
  }
  return {};
}

}  // namespace sluice::bundle
