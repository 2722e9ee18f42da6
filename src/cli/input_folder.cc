#include "cli/input_folder.h"

#include <algorithm>
#include <filesystem>
#include <string>

#include <fmt/format.h>

namespace sluice::cli {
namespace {

// In the order of the bytes of their names, which is the same everywhere.
Result<std::vector<std::string>> files_in(const std::filesystem::path& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    const std::filesystem::path& path = at->path();
    if (path.filename().native().starts_with('.')) continue;
    std::error_code unknown;
    if (at->is_directory(unknown)) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("{} is a folder in a folder; a list is given by a folder of files",
                              path.native()));
    }
    if (!at->is_regular_file(unknown)) {
      return fail(ErrorCode::kInvalidArgument, fmt::format("{} is not a file", path.native()));
    }
    files.push_back(path.native());
  }
  if (error) return fail(system_error(error.value(), fmt::format("read {}", folder.native())));
  std::ranges::sort(files);
  return files;
}

bool is_folder(const Given& given) {
  std::error_code unknown;
  return given.from == Given::From::kFile && std::filesystem::is_directory(given.text, unknown);
}

}  // namespace

Status expand_folders(const std::vector<InputPort>& ports, std::vector<Given>& given,
                      Json& document) {
  std::vector<Given> expanded;
  std::vector<std::string> empty;
  for (Given& one : given) {
    const auto port = std::ranges::find(ports, one.name, &InputPort::name);
    // An input that the workflow does not have is somebody else's mistake to tell.
    if (!is_folder(one) || port == ports.end()) {
      expanded.push_back(std::move(one));
      continue;
    }
    if (!port->type.is_list()) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("input '{}': {} is a folder, and the input is not a list ({})",
                              one.name, one.text, model::to_text(port->type)));
    }
    Result<std::vector<std::string>> files = files_in(one.text);
    if (!files) return fail(std::move(files).error().wrap(fmt::format("input '{}'", one.name)));
    if (files->empty()) empty.push_back(one.name);
    for (std::string& file : *files) {
      expanded.push_back({.name = one.name, .from = Given::From::kFile, .text = std::move(file)});
    }
  }
  for (const std::string& name : empty) {
    if (std::ranges::find(expanded, name, &Given::name) != expanded.end()) continue;
    if (document.is_null()) document = Json::map();
    if (document.as_map() != nullptr) document.set(name, Json::list());
  }
  given = std::move(expanded);
  return {};
}

}  // namespace sluice::cli
