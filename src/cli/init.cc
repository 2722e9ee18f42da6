#include <fcntl.h>

#include <filesystem>

#include "base/file.h"
#include "base/ids.h"
#include "cli/app_template.h"
#include "cli/session.h"

namespace sluice::cli {
namespace {

// The app's name from the directory's: what is not allowed in a name becomes `_`.
std::string app_name(const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::path absolute = std::filesystem::absolute(directory, error).lexically_normal();
  if (!absolute.has_filename()) absolute = absolute.parent_path();  // `hello/`
  std::string name;
  for (const char c : absolute.filename().native()) {
    const bool is_plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (is_plain || (c == '-' && !name.empty())) {
      name += c;
    } else if (!name.empty() && name.back() != '_') {
      name += '_';
    }
  }
  while (name.ends_with('_')) name.pop_back();
  name = name.substr(0, 63);
  return is_name(name) ? name : "hello";
}

Status check_empty(const std::filesystem::path& directory) {
  std::error_code error;
  const auto status = std::filesystem::status(directory, error);
  if (!std::filesystem::exists(status)) return {};
  if (!std::filesystem::is_directory(status)) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} is not a directory", directory.native()));
  }
  const std::filesystem::directory_iterator content(directory, error);
  if (error) return fail(system_error(error.value(), fmt::format("list {}", directory.native())));
  if (content != std::filesystem::directory_iterator()) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} is not empty; nothing was written", directory.native()));
  }
  return {};
}

}  // namespace

Result<ExitCode> init_app(Session& session, const InitCommand& command) {
  const std::optional<AppTemplate> files = app_template(command.language);
  if (!files) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("there is no template for --lang {}; there are {}", command.language,
                            kTemplateLanguages));
  }
  SLUICE_OK(check_empty(command.directory));
  std::error_code error;
  std::filesystem::create_directories(command.directory, error);
  if (error)
    return fail(system_error(error.value(),
                             fmt::format("create directory {}", command.directory.native())));
  const std::string name = app_name(command.directory);
  const std::string& directory = command.directory.native();
  for (const TemplateFile& file : *files) {
    const std::filesystem::path path = command.directory / file.name;
    // Not write_file: these belong to the user, with the user's umask, and are written once.
    SLUICE_TRY(const Fd fd, open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0666));
    if (Status written = write_all(fd, filled(file.content, name, directory)); !written) {
      return fail(std::move(written).error().wrap(path.native()));
    }
    SLUICE_OK(write_output(path.native() + '\n'));
  }
  if (session.terminal.error_is_terminal) {
    write_error(fmt::format("next: what {}/README.md says\n", directory));
  }
  return ExitCode::kOk;
}

}  // namespace sluice::cli
