#include "model/yaml.h"

#include <libfyaml.h>

#include <algorithm>
#include <memory>
#include <unordered_map>

namespace sluice::model {
namespace {

// A tree of one-letter items would need a hundred times its text; real apps have a few thousand.
constexpr std::size_t kValuesMax = 100'000;

struct ParserDeleter {
  void operator()(fy_parser* parser) const { fy_parser_destroy(parser); }
};
struct DiagDeleter {
  void operator()(fy_diag* diag) const { fy_diag_destroy(diag); }
};
using Parser = std::unique_ptr<fy_parser, ParserDeleter>;
using Diag = std::unique_ptr<fy_diag, DiagDeleter>;

class Event {
 public:
  explicit Event(fy_parser* parser) : parser_(parser), event_(fy_parser_parse(parser)) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() {
    if (event_ != nullptr) fy_parser_event_free(parser_, event_);
  }
  explicit operator bool() const { return event_ != nullptr; }
  fy_event* operator->() const { return event_; }
  fy_event* get() const { return event_; }

  Place place() const {
    const fy_mark* mark = fy_event_start_mark(event_);
    if (mark == nullptr || mark->line < 0 || mark->column < 0) return {};
    return {static_cast<std::uint32_t>(mark->line) + 1,
            static_cast<std::uint32_t>(mark->column) + 1};
  }

 private:
  fy_parser* parser_;
  fy_event* event_;
};

std::string token_text(fy_token* token) {
  std::size_t size = 0;
  const char* text = token == nullptr ? nullptr : fy_token_get_text(token, &size);
  return text == nullptr ? std::string() : std::string(text, size);
}

// A single-quoted scalar from its source: two quotes are one, a line break is a space, further ones
// stay, blanks around breaks go. libfyaml 0.7 leaks when it decodes one with many quotes.
std::string unquote(std::string_view source) {
  constexpr std::string_view kBlank = " \t\r";
  std::string result;
  while (true) {
    const std::size_t end = source.find('\n');
    std::string_view line = source.substr(0, end);
    if (end != std::string_view::npos) line = line.substr(0, line.find_last_not_of(kBlank) + 1);
    for (std::size_t i = 0; i < line.size(); ++i) {
      result.push_back(line[i]);
      if (line[i] == '\'' && i + 1 < line.size() && line[i + 1] == '\'') ++i;
    }
    if (end == std::string_view::npos) return result;
    std::size_t breaks = 0;
    std::size_t next = end;
    for (; next < source.size() && (source[next] == '\n' || kBlank.contains(source[next]));
         ++next) {
      breaks += source[next] == '\n' ? 1 : 0;
    }
    result += breaks == 1 ? std::string(" ") : std::string(breaks - 1, '\n');
    source.remove_prefix(next);
  }
}

std::string_view line_of(std::string_view text, std::uint32_t line) {
  for (; line > 1; --line) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  return text.substr(0, text.find('\n'));
}

// Whether a `${` of this line stands outside quotes.
bool has_unquoted_reference(std::string_view line) {
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (quote != 0) {
      if (line[i] == '\\' && quote == '"')
        ++i;
      else if (line[i] == quote)
        quote = 0;
    } else if (line[i] == '"' || line[i] == '\'') {
      quote = line[i];
    } else if (line.substr(i).starts_with("${")) {
      return true;
    }
  }
  return false;
}

// Builds the tree from the events. Open maps and lists are on a stack; a value is moved into its
// parent when it ends, so that no pointer into a growing vector is kept.
class TreeBuilder {
 public:
  TreeBuilder(std::string_view text, const Limits& limits, Report& report)
      : text_(text), limits_(limits), report_(report) {}

  // False: stop reading; the mistake has been reported.
  bool on(const Event& event);

  bool has_document() const { return documents_ > 0; }
  YamlValue take_root() { return std::move(root_); }

 private:
  struct Open {
    YamlValue value;
    std::optional<std::string> key;  // Of a map: read, its value not yet.
    Place key_place;
    bool key_is_duplicate = false;
    std::unordered_map<std::string, std::uint32_t> lines;  // Of the keys so far.
    bool is_key = false;  // This map or list stands where a key is wanted.
  };

  bool wants_key() const {
    return !open_.empty() && open_.back().value.kind == YamlValue::Kind::kMap &&
           !open_.back().key.has_value();
  }
  bool on_open(const Event& event, YamlValue::Kind kind);
  void on_key(std::string key, Place place);
  void refuse_extras(const Event& event);
  bool count(Place place);
  void add(YamlValue value);

  std::string scalar_text(const Event& event);
  bool is_verbatim(const Event& event, std::string_view scalar) const {
    const fy_mark* begin = fy_event_start_mark(event.get());
    return begin != nullptr && begin->input_pos <= text_.size() &&
           text_.substr(begin->input_pos).starts_with(scalar) &&
           scalar.find('\n') == std::string_view::npos;
  }

  std::string_view text_;
  const Limits& limits_;
  Report& report_;
  std::vector<Open> open_;
  YamlValue root_;
  std::size_t values_ = 0;
  std::size_t documents_ = 0;
};

bool TreeBuilder::on(const Event& event) {
  switch (event->type) {
    case FYET_NONE:
    case FYET_STREAM_START:
    case FYET_STREAM_END:
    case FYET_DOCUMENT_END:
      return true;
    case FYET_DOCUMENT_START:
      if (++documents_ > 1) {
        report_.add(event.place(), "a second YAML document begins here",
                    "an app is one document: remove the '---'");
        return false;
      }
      return true;
    case FYET_MAPPING_START:
      return on_open(event, YamlValue::Kind::kMap);
    case FYET_SEQUENCE_START:
      return on_open(event, YamlValue::Kind::kList);
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END: {
      Open done = std::move(open_.back());
      open_.pop_back();
      if (done.is_key) {
        on_key({}, done.value.place);
        open_.back().key_is_duplicate = true;  // Nameless: its value is dropped as well.
      } else {
        add(std::move(done.value));
      }
      return true;
    }
    case FYET_SCALAR: {
      refuse_extras(event);
      fy_token* token = event->scalar.value;
      YamlValue scalar;
      scalar.place = event.place();
      scalar.text = scalar_text(event);
      scalar.quoted = token != nullptr && fy_token_scalar_style(token) != FYSS_PLAIN;
      scalar.verbatim = is_verbatim(event, scalar.text);
      if (!count(scalar.place)) return false;
      if (wants_key()) {
        on_key(std::move(scalar.text), scalar.place);
      } else {
        // Nothing written after `key:` has no place of its own.
        const bool is_nothing = scalar.text.empty() && !scalar.quoted;
        if (is_nothing && !open_.empty() && open_.back().key) scalar.place = open_.back().key_place;
        add(std::move(scalar));
      }
      return true;
    }
    case FYET_ALIAS: {
      const Place place = event.place();
      report_.add(place, "a YAML alias ('*name') stands here",
                  "aliases are not supported: write the value out");
      if (!count(place)) return false;
      if (wants_key()) {
        on_key({}, place);
        open_.back().key_is_duplicate = true;
      } else {
        YamlValue broken;
        broken.kind = YamlValue::Kind::kBroken;
        broken.place = place;
        add(std::move(broken));
      }
      return true;
    }
  }
  return true;
}

std::string TreeBuilder::scalar_text(const Event& event) {
  fy_token* token = event->scalar.value;
  const fy_mark* begin = fy_event_start_mark(event.get());
  const fy_mark* end = fy_event_end_mark(event.get());
  const bool is_single_quoted =
      token != nullptr && fy_token_scalar_style(token) == FYSS_SINGLE_QUOTED;
  if (!is_single_quoted || begin == nullptr || end == nullptr ||
      begin->input_pos > end->input_pos || end->input_pos > text_.size()) {
    return token_text(token);
  }
  return unquote(text_.substr(begin->input_pos, end->input_pos - begin->input_pos));
}

bool TreeBuilder::on_open(const Event& event, YamlValue::Kind kind) {
  refuse_extras(event);
  const Place place = event.place();
  if (!count(place)) return false;
  if (open_.size() >= limits_.yaml_depth) {
    report_.add(place, fmt::format("nested deeper than {} levels", limits_.yaml_depth));
    return false;
  }
  Open open;
  open.value.kind = kind;
  open.value.place = place;
  open.is_key = wants_key();
  if (open.is_key) {
    report_.add(place, "a key must be a word, not a list or map",
                "quote a value that starts with '${', '{' or '['");
  }
  open_.push_back(std::move(open));
  return true;
}

void TreeBuilder::on_key(std::string key, Place place) {
  Open& map = open_.back();
  const auto [first, is_new] = map.lines.emplace(key, place.line);
  if (!is_new && !key.empty()) {
    report_.add(place, fmt::format("the key '{}' is there twice", key),
                fmt::format("it was first written in line {}", first->second));
  }
  map.key = std::move(key);
  map.key_place = place;
  map.key_is_duplicate = !is_new;
}

void TreeBuilder::refuse_extras(const Event& event) {
  if (fy_token* anchor = fy_event_get_anchor_token(event.get()); anchor != nullptr) {
    report_.add(event.place(), fmt::format("a YAML anchor ('&{}') stands here", token_text(anchor)),
                "anchors are not supported: remove it");
  }
  if (fy_event_get_tag_token(event.get()) != nullptr) {
    report_.add(event.place(), "a YAML tag ('!name') stands here",
                "tags are not supported: remove it, or quote the value");
  }
}

bool TreeBuilder::count(Place place) {
  if (++values_ <= kValuesMax) return true;
  report_.add(place, fmt::format("more than {} values in one file", kValuesMax));
  return false;
}

void TreeBuilder::add(YamlValue value) {
  if (open_.empty()) {
    root_ = std::move(value);
    return;
  }
  Open& parent = open_.back();
  if (parent.value.kind == YamlValue::Kind::kList) {
    parent.value.items.push_back(std::move(value));
    return;
  }
  if (!parent.key_is_duplicate) {
    parent.value.members.push_back({std::move(*parent.key), parent.key_place, std::move(value)});
  }
  parent.key.reset();
}

// What libfyaml says is meant for those who know the YAML specification by heart.
std::string syntax_hint(std::string_view line, std::string_view message) {
  if (has_unquoted_reference(line)) {
    return "quote the whole value: \"${...}\"";
  }
  if (line.find('\t') != std::string_view::npos) {
    return "YAML is indented with spaces, never with tabs";
  }
  if (message.find("mapping") != std::string_view::npos ||
      message.find("indent") != std::string_view::npos) {
    return "look at the indentation of this line and the one before, and quote a value that holds "
           "': '";
  }
  return {};
}

void report_syntax(fy_diag* diag, std::string_view text, Report& report) {
  Place place;
  std::string message = "this is not YAML";
  void* previous = nullptr;
  while (const fy_diag_error* error = fy_diag_errors_iterate(diag, &previous)) {
    if (error->type != FYET_ERROR || error->msg == nullptr) continue;
    if (error->line > 0) place.line = static_cast<std::uint32_t>(error->line);
    if (error->column > 0) place.column = static_cast<std::uint32_t>(error->column);
    message = fmt::format("not valid YAML: {}", error->msg);
    break;  // The first one is the cause.
  }
  std::string hint = syntax_hint(line_of(text, place.line), message);
  // The parser often notices only at the next line.
  if (hint.empty() && place.line > 1 && has_unquoted_reference(line_of(text, place.line - 1))) {
    hint = syntax_hint(line_of(text, place.line - 1), message);
  }
  report.add(place, std::move(message), std::move(hint));
}

Place place_of_invalid_utf8(std::string_view text) {
  // The longest well-formed prefix, by bisection over cuts at line ends and then within the line.
  Place place;
  while (true) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (!is_utf8(line)) {
      std::size_t good = 0;
      for (std::size_t size = 1; size <= line.size() && size < 4096; ++size) {
        if (is_utf8(line.substr(0, size))) {
          good = size;
          ++place.column;
        } else if (size > good + 4) {
          break;
        }
      }
      return place;
    }
    if (end == std::string_view::npos) return place;
    text.remove_prefix(end + 1);
    ++place.line;
  }
}

// What the parser must not see: directives, with which libfyaml 0.7 spends quadratic time and which
// nobody needs, and control characters, which YAML forbids and libfyaml lets through.
bool check_lines(std::string_view text, Report& report) {
  Place place;
  bool is_start = true;
  for (const char c : text) {
    if (is_start && c == '%') {
      report.add(place, "a line begins with '%': YAML directives are not supported",
                 "remove the line, or quote the value");
      return false;
    }
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t' && c != '\n' && c != '\r') || byte == 0x7F) {
      report.add(place, fmt::format("a control character (code {}) stands here", byte),
                 "remove it; in double quotes it can be written as \\x..");
      return false;
    }
    is_start = c == '\n';
    if (is_start) {
      ++place.line;
      place.column = 1;
    } else if ((byte & 0xC0) != 0x80) {
      ++place.column;
    }
  }
  return true;
}

}  // namespace

const YamlMember* YamlValue::find(std::string_view key) const {
  const auto found = std::ranges::find(members, key, &YamlMember::key);
  return found == members.end() ? nullptr : &*found;
}

bool YamlValue::is_null() const {
  if (kind != Kind::kScalar || quoted) return false;
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

std::optional<YamlValue> parse_yaml(std::string_view text, const Limits& limits, Report& report) {
  if (text.size() > limits.yaml_bytes) {
    report.add({},
               fmt::format("the file has {} bytes, more than the {} that are read", text.size(),
                           limits.yaml_bytes),
               "split the app, or move data out of it");
    return std::nullopt;
  }
  if (!is_utf8(text)) {
    report.add(place_of_invalid_utf8(text), "the file is not UTF-8", "save it as UTF-8");
    return std::nullopt;
  }
  if (!check_lines(text, report)) return std::nullopt;
  fy_diag_cfg diag_cfg;
  fy_diag_cfg_default(&diag_cfg);
  diag_cfg.fp = nullptr;
  diag_cfg.level = FYET_ERROR;
  const Diag diag(fy_diag_create(&diag_cfg));
  if (diag == nullptr) {
    report.add({}, "the YAML parser could not be started: out of memory");
    return std::nullopt;
  }
  fy_diag_set_collect_errors(diag.get(), true);

  fy_parse_cfg cfg{};
  // The depth is checked by TreeBuilder; the limit of the library has a message of its own.
  cfg.flags =
      static_cast<fy_parse_cfg_flags>(FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_DEFAULT_VERSION_1_2 |
                                      FYPCF_JSON_NONE | FYPCF_DISABLE_DEPTH_LIMIT);
  cfg.diag = diag.get();
  const Parser parser(fy_parser_create(&cfg));
  if (parser == nullptr || fy_parser_set_string(parser.get(), text.data(), text.size()) != 0) {
    report.add({}, "the YAML parser could not be started: out of memory");
    return std::nullopt;
  }
  TreeBuilder builder(text, limits, report);
  while (true) {
    const Event event(parser.get());
    if (!event) break;
    if (!builder.on(event)) return std::nullopt;
    if (event->type == FYET_STREAM_END) break;
  }
  if (fy_parser_get_stream_error(parser.get())) {
    report_syntax(diag.get(), text, report);
    return std::nullopt;
  }
  if (!builder.has_document()) return YamlValue{};
  return builder.take_root();
}

}  // namespace sluice::model
