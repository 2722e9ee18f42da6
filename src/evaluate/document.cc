#include "evaluate/document.h"

namespace sluice::evaluate {
namespace {

std::size_t memory_of(const Json& json) {
  std::size_t bytes = sizeof(Json);
  if (const auto* text = json.as_string()) bytes += text->capacity();
  if (const auto* list = json.as_list()) {
    for (const Json& element : *list) bytes += memory_of(element);
  }
  if (const auto* map = json.as_map()) {
    for (const auto& [key, value] : *map) bytes += sizeof(key) + key.capacity() + memory_of(value);
  }
  return bytes;
}

}  // namespace

expr::Reading reading_of(model::Kind kind, std::uint64_t size) {
  using State = expr::Reading::State;
  expr::Reading reading;
  switch (kind) {
    case model::Kind::kBytes:
    case model::Kind::kArray:
    case model::Kind::kFile:
      reading.state = State::kOpaque;
      break;
    case model::Kind::kAny:
    case model::Kind::kText:
    case model::Kind::kJson:
    case model::Kind::kInt:
    case model::Kind::kFloat:
    case model::Kind::kBool:
      reading.state = size > kDocumentBytesMax ? State::kTooLarge : State::kNotLoaded;
      break;
  }
  return reading;
}

DocumentPtr Document::parse(model::Kind kind, std::string bytes) {
  const expr::Reading::State before = reading_of(kind, bytes.size()).state;
  auto made = std::make_shared<Document>();
  made->state_ = expr::Reading::State::kLoaded;
  if (before != expr::Reading::State::kNotLoaded) {
    made->state_ = before;
  } else if (kind == model::Kind::kText) {
    made->json_ = Json(std::move(bytes));
  } else {
    Result<Json> json = parse_json(bytes, {.bytes = kDocumentBytesMax});
    if (!json) return unreadable(json.error().message());
    made->json_ = std::move(*json);
  }
  made->memory_ = sizeof(Document) + memory_of(made->json_);
  return made;
}

DocumentPtr Document::unreadable(std::string why) {
  auto made = std::make_shared<Document>();
  made->state_ = expr::Reading::State::kBroken;
  made->message_ = std::move(why);
  made->memory_ = sizeof(Document) + made->message_.size();
  return made;
}

}  // namespace sluice::evaluate
