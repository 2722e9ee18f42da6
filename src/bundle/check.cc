#include <algorithm>

#include <fmt/format.h>

#include "base/file.h"
#include "bundle/bundle.h"
#include "bundle/python_source.h"
#include "model/draft.h"
#include "model/parse.h"

namespace sluice::bundle {

Result<Checked> check(const std::filesystem::path& directory, const Limits& limits) {
  SLUICE_TRY(const std::vector<File> files, list_files(directory, limits));
  Checked checked;
  const auto yaml = std::ranges::find(files, "sluice.yaml", &File::path);
  if (yaml == files.end()) {
    const bool has_other = std::ranges::find(files, "sluice.yml", &File::path) != files.end();
    checked.mistakes.push_back({"sluice.yaml", 1, 1, "there is no file 'sluice.yaml' in the app",
                                has_other ? "rename sluice.yml to sluice.yaml"
                                          : "'sluice init DIR' writes a small app that works"});
    return checked;
  }
  if (yaml->size.value > limits.yaml_bytes) {
    checked.mistakes.push_back({"sluice.yaml", 1, 1,
                                fmt::format("the file has {} bytes, more than the {} that are read",
                                            yaml->size.value, limits.yaml_bytes),
                                "split the app, or move data out of it"});
    return checked;
  }
  SLUICE_TRY(const std::string text,
             read_file(directory / "sluice.yaml", ByteCount{limits.yaml_bytes}));
  const std::unique_ptr<model::Draft> draft = model::parse_app(text, limits, checked.mistakes);
  if (draft == nullptr) return checked;
  SLUICE_TRY(const std::vector<model::CodePorts> code,
             read_python_ports(directory, files, model::code_wanted(*draft), checked.mistakes));
  checked.app = model::check_app(*draft, code, limits, checked.mistakes);
  return checked;
}

}  // namespace sluice::bundle
