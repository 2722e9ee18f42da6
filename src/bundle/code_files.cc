#include "bundle/code_files.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "model/names.h"

namespace sluice::bundle {
namespace {

using model::CodeWanted;

const File* find_file(const std::vector<File>& files, std::string_view path) {
  const auto found = std::ranges::find(files, path, &File::path);
  return found == files.end() ? nullptr : &*found;
}

// `lib.words.count` is the export `count` of lib/words.mjs, or .js, or .cjs: the worker looks in
// the same order (sdk/node/lib/program.mjs).
void check_javascript(const std::vector<File>& files, const CodeWanted& wanted,
                      model::Mistakes& mistakes) {
  constexpr std::array<std::string_view, 3> kExtensions{".mjs", ".js", ".cjs"};
  std::string stem = wanted.handler.substr(0, wanted.handler.rfind('.'));
  std::ranges::replace(stem, '.', '/');
  const bool is_there = std::ranges::any_of(kExtensions, [&](std::string_view extension) {
    return find_file(files, stem + std::string(extension)) != nullptr;
  });
  if (!is_there) {
    std::vector<std::string> scripts;
    for (const File& file : files) {
      if (file.path.starts_with("node_modules/")) continue;
      for (const std::string_view extension : kExtensions) {
        if (file.path.ends_with(extension)) scripts.push_back(file.path);
      }
    }
    mistakes.push_back({"sluice.yaml", wanted.line, wanted.column,
                        fmt::format("there is no file '{}.mjs' (or .js, .cjs) in the app", stem),
                        model::did_you_mean_or_list(stem + ".mjs", scripts)});
  }
  if (wanted.has_ports) return;
  mistakes.push_back({"sluice.yaml", wanted.line, wanted.column,
                      fmt::format("the ports of '{}' are not declared", wanted.function),
                      "write 'inputs: { NAME: TYPE }' and 'outputs: { NAME: TYPE }': those of "
                      "JavaScript are not read from the code yet"});
}

void check_program(const std::vector<File>& files, const CodeWanted& wanted,
                   model::Mistakes& mistakes) {
  const File* program = find_file(files, wanted.binary);
  const auto add = [&](std::string message, std::string hint) {
    mistakes.push_back({"sluice.yaml", wanted.binary_line, wanted.binary_column, std::move(message),
                        std::move(hint)});
  };
  if (program == nullptr) {
    std::vector<std::string> programs;
    for (const File& file : files) {
      if (file.executable) programs.push_back(file.path);
    }
    add(fmt::format("there is no file '{}' in the app", model::shown(wanted.binary)),
        programs.empty() ? "build the program into the app's folder first, and look that "
                           ".sluiceignore does not exclude it"
                         : model::did_you_mean_or_list(wanted.binary, programs));
  } else if (!program->executable) {
    add(fmt::format("'{}' is not executable", model::shown(wanted.binary)),
        fmt::format("chmod +x {}", model::shown(wanted.binary)));
  }
}

}  // namespace

void check_code_files(const std::vector<File>& files, const std::vector<CodeWanted>& wanted,
                      model::Mistakes& mistakes) {
  for (const CodeWanted& one : wanted) {
    if (one.runtime == model::Runtime::kNodejs) check_javascript(files, one, mistakes);
    if (one.runtime == model::Runtime::kNative) check_program(files, one, mistakes);
  }
}

}  // namespace sluice::bundle
