#include "functions.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <string>
#include <vector>

namespace sluice::language {
namespace {

using Steps = std::vector<Step>;
using Body = Steps (*)(const Arguments&, const Call&);

// As Python does, towards less.
std::int64_t divide(std::int64_t a, std::int64_t b) {
  return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::size_t begin = 0;
  while ((begin = text.find_first_not_of(" \t\n\r", begin)) != std::string_view::npos) {
    const std::size_t end = std::min(text.find_first_of(" \t\n\r", begin), text.size());
    words.emplace_back(text.substr(begin, end - begin));
    begin = end;
  }
  return words;
}

Json sorted(const Json& value) {
  if (const Json::List* list = value.as_list()) {
    Json::List result;
    for (const Json& each : *list) result.push_back(sorted(each));
    return result;
  }
  if (const Json::Map* map = value.as_map()) {
    std::map<std::string, Json> members;
    for (const auto& [key, each] : *map) members.emplace(key, sorted(each));
    Json result = Json::map();
    for (auto& [key, each] : members) result.set(key, std::move(each));
    return result;
  }
  return value;
}

Json counts_of(std::string_view text) {
  std::map<std::string, std::int64_t> counts;
  for (const std::string& word : words_of(text)) ++counts[word];
  Json result = Json::map();
  for (const auto& [word, count] : counts) result.set(word, Json(count));
  return result;
}

std::int64_t sum_of(const Json::List& list) {
  std::int64_t sum = 0;
  for (const Json& each : list) sum += *each.as_int();
  return sum;
}

// The sums over columns of `of(x)`; rows may be of different lengths, as in Python's zip.
template <class Of>
Json::List sum_columns(const Json::List& rows, Of of) {
  std::size_t width = rows.empty() ? 0 : rows[0].as_list()->size();
  for (const Json& row : rows) width = std::min(width, row.as_list()->size());
  Json::List sums;
  for (std::size_t column = 0; column < width; ++column) {
    std::int64_t sum = 0;
    for (const Json& row : rows) sum += of(*(*row.as_list())[column].as_int());
    sums.emplace_back(sum);
  }
  return sums;
}

Steps elements(std::string_view port, const auto& values) {
  Steps steps;
  for (const auto& value : values) steps.push_back(emit(port, Json(value)));
  return steps;
}

// ---- numbers and texts

Steps numbers(const Arguments& in, const Call&) {
  Steps steps;
  for (std::int64_t i = 0; i < in.integer("n"); ++i) steps.push_back(emit("xs", Json(i)));
  return steps;
}
Steps twice(const Arguments& in, const Call&) { return {emit("y", Json(2 * in.integer("x")))}; }
Steps add(const Arguments& in, const Call&) {
  return {emit("sum", Json(in.integer("a") + in.integer("b")))};
}
Steps half(const Arguments& in, const Call&) { return {emit("y", Json(in.real("x") / 2))}; }
Steps both(const Arguments& in, const Call&) {
  const std::int64_t x = in.integer("x");
  return {emit("half", Json(divide(x, 2))), emit("rest", Json(x - 2 * divide(x, 2)))};
}
Steps is_big(const Arguments& in, const Call&) {
  return {emit("yes", Json(in.integer("x") > in.integer("limit")))};
}
Steps say(const Arguments& in, const Call&) {
  return {emit("text", Json(in.text("text") + in.text("mark")))};
}
Steps upper(const Arguments& in, const Call&) {
  std::string text = in.text("text");
  std::ranges::transform(text, text.begin(), [](unsigned char byte) {
    return static_cast<char>(byte < 0x80 ? std::toupper(byte) : byte);
  });
  return {emit("text", Json(std::move(text)))};
}
Steps contains(const Arguments& in, const Call&) {
  return {emit("yes", Json(in.text("text").contains(in.text("part"))))};
}
Steps describe(const Arguments& in, const Call&) {
  return {emit("text", Json(to_text(sorted(in.value("value")))))};
}
Steps pack(const Arguments& in, const Call&) { return {emit("data", Json(in.text("text")))}; }
Steps size_of(const Arguments& in, const Call&) {
  return {emit("size", Json(static_cast<std::int64_t>(in.text("data").size())))};
}

// ---- lists

Steps split(const Arguments& in, const Call&) {
  return elements("words", words_of(in.text("text")));
}
Steps count_and_split(const Arguments& in, const Call& call) {
  Steps steps = split(in, call);
  const auto count = static_cast<std::int64_t>(steps.size());
  steps.push_back(emit("count", Json(count)));
  return steps;
}
Steps join(const Arguments& in, const Call&) {
  std::string text;
  for (const Json& part : in.list("parts")) {
    if (&part != in.list("parts").data()) text += in.text("by");
    text += *part.as_string();
  }
  return {emit("text", Json(std::move(text)))};
}
Steps total(const Arguments& in, const Call&) { return {emit("sum", Json(sum_of(in.list("xs"))))}; }
Steps more(const Arguments& in, const Call&) {
  Steps steps = elements("xs", in.list("xs"));
  const auto count = static_cast<std::int64_t>(steps.size());
  steps.push_back(emit("xs", Json(count)));
  return steps;
}
Steps grid(const Arguments& in, const Call&) {
  Steps steps;
  for (std::int64_t row = 0; row < in.integer("rows"); ++row) {
    Json::List cells;
    for (std::int64_t col = 0; col < in.integer("cols"); ++col)
      cells.emplace_back(row * in.integer("cols") + col);
    steps.push_back(emit("cells", std::move(cells)));
  }
  return steps;
}
Steps row_sums(const Arguments& in, const Call&) {
  Steps steps;
  for (const Json& row : in.list("rows"))
    steps.push_back(emit("sums", Json(sum_of(*row.as_list()))));
  return steps;
}

// ---- what may be absent

Steps odd(const Arguments& in, const Call&) {
  const std::int64_t x = in.integer("x");
  if (x % 2 == 0) return {};
  return {emit("y", Json(x))};
}
Steps maybe(const Arguments& in, const Call&) {
  const std::string x = in.is_null("x") ? "none" : std::to_string(in.integer("x"));
  return {emit("text", Json(x + " " + std::to_string(in.integer("d"))))};
}
Steps holes(const Arguments& in, const Call&) {
  const Json::List& xs = in.list("xs");
  const auto count = std::ranges::count_if(xs, [](const Json& x) { return x.is_null(); });
  return {emit("holes", Json(static_cast<std::int64_t>(count))),
          emit("size", Json(static_cast<std::int64_t>(xs.size())))};
}

// ---- what fails

Steps picky(const Arguments& in, const Call&) {
  const std::int64_t x = in.integer("x");
  if (x == in.integer("bad")) return {failure("Refused", std::to_string(x) + " is refused")};
  return {emit("y", Json(x))};
}
Steps strict(const Arguments& in, const Call&) {
  const std::int64_t x = in.integer("x");
  if (x < 0) return {failure("Rubbish", std::to_string(x) + " is rubbish")};
  return {emit("y", Json(x))};
}
Steps breaks(const Arguments& in, const Call&) {
  return {failure(in.text("kind"), "a " + in.text("kind") + " on purpose")};
}
Steps unsteady(const Arguments& in, const Call& call) {
  const std::int64_t x = in.integer("x");
  if (call.failures < in.integer("fails"))
    return {failure("Broken", "not yet for " + std::to_string(x))};
  return {emit("y", Json(x))};
}
Steps wrong(const Arguments& in, const Call&) {
  const std::string& kind = in.text("kind");
  if (kind == "lacks" || kind == "extra" || kind == "type")
    return {failure("InvalidOutput", "wrong on purpose: " + kind)};
  return {emit("a", Json(1)), emit("b", Json(2))};
}

// ---- what writes something else, and breaks, in its first attempts

Step broken(const Call& call) {
  return failure("Broken", "attempt " + std::to_string(call.attempt));
}

Steps shaky(const Arguments& in, const Call& call) {
  if (call.attempt > in.integer("breaks")) return numbers(in, call);
  Steps steps;
  for (std::int64_t i = 0; i < in.integer("n") + call.attempt; ++i)
    steps.push_back(emit("xs", Json((i + call.attempt) % 2 == 0 ? i : -1 - i)));
  steps.push_back(broken(call));
  return steps;
}
Steps liar(const Arguments& in, const Call& call) {
  const std::int64_t x = in.integer("x");
  if (call.attempt > in.integer("breaks")) return {emit("y", Json(x))};
  return {emit("y", Json(x + 100 * call.attempt)), broken(call)};
}
Steps wavers(const Arguments& in, const Call& call) {
  if (call.attempt > in.integer("breaks")) return {emit("yes", Json(in.truth("yes")))};
  return {emit("yes", Json(!in.truth("yes"))), broken(call)};
}

// ---- effects, and waiting for others

Steps act(const Arguments& in, const Call&) {
  const std::string& what = in.text("what");
  const std::string& kind = in.text("kind");
  Step acts{.kind = Step::Kind::kAct, .text = what};
  if (!kind.empty()) return {acts, failure(kind, what + ": a " + kind + " on purpose")};
  return {acts, emit("done", Json(what))};
}
Steps gate(const Arguments& in, const Call&) {
  Steps steps;
  if (!in.text("name").empty())
    steps.push_back({.kind = Step::Kind::kAwait, .text = in.text("name")});
  steps.push_back(emit("y", Json(in.integer("x"))));
  return steps;
}
Steps open_gate(const Arguments& in, const Call&) {
  return {{.kind = Step::Kind::kOpen, .text = in.text("name")}, emit("y", Json(in.integer("x")))};
}

// ---- the workloads in small

Steps tally(const Arguments& in, const Call&) {
  return {emit("counts", counts_of(in.text("text")))};
}
Steps shard(const Arguments& in, const Call&) {
  std::vector<std::string> parts(static_cast<std::size_t>(in.integer("n")));
  for (const std::string& word : words_of(in.text("text"))) {
    std::size_t sum = 0;
    for (const char letter : word) sum += static_cast<unsigned char>(letter);
    std::string& part = parts[sum % parts.size()];
    part += (part.empty() ? "" : " ") + word;
  }
  return elements("parts", parts);
}
Steps blocks(const Arguments& in, const Call&) {
  const Json::List& matrix = *in.value("matrix").as_list();
  const auto rows = static_cast<std::size_t>(in.integer("rows"));
  Steps steps;
  for (std::size_t begin = 0; begin < matrix.size(); begin += rows) {
    const std::size_t end = std::min(begin + rows, matrix.size());
    steps.push_back(emit("block", Json::List(matrix.begin() + static_cast<std::ptrdiff_t>(begin),
                                             matrix.begin() + static_cast<std::ptrdiff_t>(end))));
  }
  return steps;
}
Steps gram(const Arguments& in, const Call&) {
  return {
      emit("res", sum_columns(*in.value("block").as_list(), [](std::int64_t x) { return x * x; }))};
}
Steps add_up(const Arguments& in, const Call&) {
  return {emit("sigma", sum_columns(in.list("res"), [](std::int64_t x) { return x; }))};
}
Steps upload(const Arguments& in, const Call&) {
  Steps steps;
  for (const char* port : {"video", "split", "user", "length", "target"})
    steps.push_back(emit(port, *in.value("start").find(port)));
  return steps;
}
Steps cut(const Arguments& in, const Call&) {
  const std::string& video = in.text("video");
  const auto length = static_cast<std::size_t>(in.integer("length"));
  Steps steps;
  Json keys = Json::list();
  for (std::size_t begin = 0; begin < video.size(); begin += length) {
    keys.push(Json(static_cast<std::int64_t>(steps.size())));
    steps.push_back(emit("segments", Json(video.substr(begin, length))));
  }
  steps.push_back(emit("keys", std::move(keys)));
  return steps;
}
Steps transcode(const Arguments& in, const Call&) {
  return {emit("video", Json(in.text("video") + "." + in.text("target")))};
}
Steps stitch(const Arguments& in, const Call&) {
  const Json::List& keys = *in.value("keys").as_list();
  const Json::List& video = in.list("video");
  std::string text = in.text("user") + ":";
  for (std::size_t i = 0; i < std::min(keys.size(), video.size()); ++i) {
    text += (i == 0 ? "" : "|") + std::to_string(*keys[i].as_int()) + "=" + *video[i].as_string();
  }
  return {emit("video", Json(std::move(text)))};
}
Steps improve(const Arguments& in, const Call&) {
  const std::int64_t x = in.integer("x");
  const std::int64_t better = divide(x + divide(in.integer("a"), x), 2);
  return {emit("x", Json(better)), emit("delta", Json(std::abs(better - x)))};
}
Steps combine(const Arguments& in, const Call&) {
  const char letter = static_cast<char>(65 + in.list("files").size());
  Steps steps;
  for (const Json& size : *in.value("sizes").as_list())
    steps.push_back(
        emit("outs", Json(std::string(static_cast<std::size_t>(*size.as_int()), letter))));
  return steps;
}

const std::map<std::string_view, Body>& bodies() {
  static const std::map<std::string_view, Body> kBodies{
      {"numbers", numbers},
      {"double", twice},
      {"add", add},
      {"half", half},
      {"both", both},
      {"is_big", is_big},
      {"say", say},
      {"upper", upper},
      {"contains", contains},
      {"describe", describe},
      {"pack", pack},
      {"size_of", size_of},
      {"split", split},
      {"join", join},
      {"count_and_split", count_and_split},
      {"total", total},
      {"more", more},
      {"grid", grid},
      {"row_sums", row_sums},
      {"odd", odd},
      {"maybe", maybe},
      {"holes", holes},
      {"picky", picky},
      {"strict", strict},
      {"breaks", breaks},
      {"unsteady", unsteady},
      {"wrong", wrong},
      {"shaky", shaky},
      {"liar", liar},
      {"wavers", wavers},
      {"act", act},
      {"gate", gate},
      {"open_gate", open_gate},
      {"tally", tally},
      {"shard", shard},
      {"blocks", blocks},
      {"gram", gram},
      {"add_up", add_up},
      {"upload", upload},
      {"cut", cut},
      {"transcode", transcode},
      {"stitch", stitch},
      {"improve", improve},
      {"combine", combine},
  };
  return kBodies;
}

}  // namespace

std::unique_ptr<Script> start_script(std::string_view name, const Arguments& in, const Call& call) {
  if (auto found = bodies().find(name); found != bodies().end())
    return playback(found->second(in, call));
  return start_stream_script(name, in);
}

}  // namespace sluice::language
