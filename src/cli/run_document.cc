#include "cli/run_document.h"

#include "cli/document.h"
#include "cli/long_list.h"

namespace sluice::cli {
namespace {

constexpr std::size_t kBufferMax = 64 << 10;

class Writer {
 public:
  Writer(Session& session, const Json& run) : session_(session), run_(run) {}

  Status write() {
    std::string_view before = "{";
    for (const char* key : {"id", "workflow", "state", "outputs", "error", "timings"}) {
      const Json* member = run_.find(key);
      if (member == nullptr) continue;
      begin(before, key, 1);
      SLUICE_OK(key == std::string_view("outputs") ? write_outputs(*member) : put(*member, 1));
      before = ",";
    }
    text_ += before == "{" ? "{}\n" : "\n}\n";
    return flush();
  }

 private:
  static std::string line(std::size_t depth) { return '\n' + std::string(2 * depth, ' '); }

  void begin(std::string_view before, std::string_view key, std::size_t depth) {
    text_ += before;
    text_ += line(depth);
    text_ += to_text(Json(key)) + ": ";
  }

  Status write_outputs(const Json& outputs) {
    std::string_view before = "{";
    for (const auto& [name, value] : map_member(run_, "outputs")) {
      begin(before, name, 2);
      SLUICE_OK(write_value(name, value, 2));
      before = ",";
    }
    if (before == "{") return put(outputs, 1);
    text_ += line(1) + '}';
    return {};
  }

  // What is at `at_` of an output.
  Status write_value(const std::string& name, const Json& value, std::size_t depth) {
    const Request address = element_request(run_, name, at_);
    if (!is_long_list(value, address)) return put(value, depth);
    std::string_view before = "[";
    SLUICE_OK(each_element(session_, address, [&](std::size_t index, const Json& element) {
      text_ += before;
      text_ += line(depth + 1);
      before = ",";
      at_.push_back(index);
      Status written = write_value(name, element, depth + 1);
      at_.pop_back();
      return written;
    }));
    text_ += before == "[" ? "[]" : line(depth) + ']';
    return {};
  }

  Status put(const Json& value, std::size_t depth) {
    for (const char c : to_pretty_text(value)) {
      if (c == '\n') {
        text_ += line(depth);
      } else {
        text_ += c;
      }
    }
    return text_.size() < kBufferMax ? Status() : flush();
  }

  Status flush() {
    SLUICE_OK(write_output(text_));
    text_.clear();
    return {};
  }

  Session& session_;
  const Json& run_;
  std::string text_;
  std::vector<std::size_t> at_;
};

}  // namespace

Status write_run_document(Session& session, const Json& run) {
  return Writer(session, run).write();
}

}  // namespace sluice::cli
