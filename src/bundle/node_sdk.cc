#include "bundle/node_sdk.h"

#include "base/file.h"
#include "bundle/bundle.h"

// As in python_sdk.cc.
__asm__(
    ".pushsection .rodata\n"
    ".global sluice_node_sdk_begin\n"
    ".global sluice_node_sdk_end\n"
    "sluice_node_sdk_begin:\n"
    ".incbin \"" SLUICE_NODE_SDK_ARCHIVE
    "\"\n"
    "sluice_node_sdk_end:\n"
    ".byte 0\n"
    ".popsection\n");
extern "C" const char sluice_node_sdk_begin[];
extern "C" const char sluice_node_sdk_end[];

namespace sluice::bundle {

std::string_view node_sdk_archive() {
  return {sluice_node_sdk_begin,
          static_cast<std::size_t>(sluice_node_sdk_end - sluice_node_sdk_begin)};
}

Status unpack_node_sdk(const std::filesystem::path& folder, const Limits& limits) {
  SLUICE_OK(remove_tree(folder));
  SLUICE_OK(make_directory(folder.parent_path()));
  if (Status unpacked = unpack(node_sdk_archive(), folder, limits); !unpacked) {
    return fail(std::move(unpacked).error().wrap("unpack the SDK for Node.js"));
  }
  return {};
}

}  // namespace sluice::bundle
