#include "model/reading.h"

#include <cstdlib>

#include "base/json.h"

namespace sluice::model {

std::string_view to_text(Carries carries) {
  switch (carries) {
    case Carries::kElements:
      return "elements";
    case Carries::kStream:
      return "stream";
    case Carries::kValue:
      return "value";
    case Carries::kWholeList:
      return "list";
    case Carries::kCondition:
      return "condition";
    case Carries::kAfter:
      return "after";
  }
  std::abort();  // Every kind is named above.
}

Reader reader_of(const WrittenAction& action) {
  if (action.action == "call") return Reader::kFunction;
  if (action.action == "flow") return Reader::kFlow;
  return action.action == "set" ? Reader::kSet : Reader::kPlain;
}

Carries carried(const WrittenName& name, const WrittenValue& value, Reader reader) {
  if (reader == Reader::kCondition) return Carries::kCondition;
  const bool is_handed_on = name.take == Take::kHandOn;
  if (name.kind == WrittenName::Kind::kItem || name.take == Take::kElement)
    return name.type.is_list() || name.kind == WrittenName::Kind::kItem ? Carries::kElements
                                                                        : Carries::kValue;
  if (!name.type.is_list()) {
    const bool is_piped = is_handed_on && value.type.access == Access::kPipe;
    return is_piped ? Carries::kStream : Carries::kValue;
  }
  if (!is_handed_on) return Carries::kWholeList;
  switch (reader) {
    case Reader::kForeach:
      return Carries::kElements;
    case Reader::kFunction:
      return value.type.access == Access::kStream ? Carries::kStream : Carries::kWholeList;
    case Reader::kFlow:
      // A list for a port of JSON is put together first.
      return value.type.is_list() || value.type.kind == Kind::kAny ? Carries::kStream
                                                                   : Carries::kWholeList;
    case Reader::kSet:
      return Carries::kStream;
    case Reader::kCondition:
    case Reader::kPlain:
      return Carries::kWholeList;
  }
  std::abort();  // Every reader is named above.
}

std::string bare(std::string_view text) {
  const bool is_one =
      text.starts_with("${") && text.ends_with('}') && text.find("${", 2) == std::string_view::npos;
  return std::string(is_one ? text.substr(2, text.size() - 3) : text);
}

std::string bare(const WrittenValue& value) {
  if (value.text.starts_with('"')) {
    const Result<Json> literal = parse_json(value.text);
    if (literal && literal->as_string() != nullptr) return *literal->as_string();
  }
  return bare(value.text);
}

}  // namespace sluice::model
