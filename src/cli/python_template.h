#pragma once

// The app that `sluice init` writes.

#include <string>
#include <vector>

namespace sluice::cli {

struct TemplateFile {
  std::string name;
  std::string content;
};

// `app` is its name, `directory` how the user spelt where it is (for the README's commands).
std::vector<TemplateFile> python_template(const std::string& app, const std::string& directory);

}  // namespace sluice::cli
