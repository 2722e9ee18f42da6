#include "cli/json_file.h"

#include "base/file.h"
#include "base/limits.h"

namespace sluice::cli {

Result<Json> read_json_file(const std::string& path) {
  if (path.empty()) return Json();
  SLUICE_TRY(const std::string text,
             read_file(path == "-" ? "/dev/stdin" : path, ByteCount{Limits{}.json_bytes}));
  Result<Json> document = parse_json(text);
  if (document) return document;
  return fail(ErrorCode::kInvalidArgument, fmt::format("{}: {}", path, document.error().message()));
}

}  // namespace sluice::cli
