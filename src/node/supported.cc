#include "node/supported.h"

#include <optional>
#include <string_view>

#include <fmt/format.h>

namespace sluice::node {
namespace {

std::optional<std::string_view> refused(const model::Function& function) {
  if (function.parallel > 1) return "'parallel'";
  if (function.workers) return "'workers'";
  return std::nullopt;
}

}  // namespace

model::Mistakes not_there_yet(const model::App& app) {
  model::Mistakes mistakes;
  for (const model::Function& function : app.functions) {
    const std::optional<std::string_view> what = refused(function);
    if (!what) continue;
    mistakes.push_back(
        {.file = "sluice.yaml",
         .line = 1,
         .column = 1,
         .message = fmt::format("function '{}': {} is part of the language but not there yet: this "
                                "server cannot run it",
                                function.name, *what),
         .hint = ""});
  }
  return mistakes;
}

}  // namespace sluice::node
