#include "cli/problem.h"

#include "cli/document.h"
#include "cli/exit_code.h"
#include "model/mistake.h"

namespace sluice::cli {
namespace {

std::uint32_t place(const Json& mistake, std::string_view key) {
  const std::int64_t value = int_member(mistake, key);
  return value > 0 && value < 1'000'000'000 ? static_cast<std::uint32_t>(value) : 1;
}

}  // namespace

std::string mistakes_text(const Json& problem) {
  std::string out;
  const Json* errors = problem.find("errors");
  const Json::List* list = errors != nullptr ? errors->as_list() : nullptr;
  if (list == nullptr) return out;
  for (const Json& one : *list) {
    const model::Mistake mistake{.file = std::string(text_member(one, "file")),
                                 .line = place(one, "line"),
                                 .column = place(one, "column"),
                                 .message = std::string(text_member(one, "message")),
                                 .hint = std::string(text_member(one, "hint"))};
    if (!out.empty()) out += '\n';
    // A mistake without a file concerns the request: an input, not a line of the app.
    out += mistake.file.empty() ? mistake.message : model::to_text(mistake);
    if (mistake.file.empty() && !mistake.hint.empty()) out += "\n    hint: " + mistake.hint;
  }
  return out;
}

Error problem_error(const Response& response) {
  const ErrorCode code = error_code_of_status(response.status);
  const Result<Json> parsed = parse_json(response.body);
  const Json problem = parsed ? *parsed : Json();
  const std::string_view title = text_member(problem, "title");
  const std::string_view detail = text_member(problem, "detail");
  std::string text;
  if (title.empty() && detail.empty()) {
    // Not one of ours: a proxy, or another program on that port. Its words may still help.
    text = fmt::format("the server answered {}", response.status);
    if (!parsed && response.content_type.starts_with("text/plain") && !response.body.empty()) {
      text += ": " + response.body.substr(0, 200);
    }
  } else if (detail.empty() || detail == title) {
    text = title;
  } else if (title.empty()) {
    text = detail;
  } else {
    text = fmt::format("{}: {}", title, detail);
  }
  if (const std::string mistakes = mistakes_text(problem); !mistakes.empty())
    text += '\n' + mistakes;
  return Error(code, std::move(text));
}

}  // namespace sluice::cli
