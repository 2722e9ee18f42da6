#include "model/language_page.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

namespace sluice::model {
namespace {

constexpr std::array kSections{Section::kApp,       Section::kFunction, Section::kPort,
                               Section::kResources, Section::kRetry,    Section::kWorkers,
                               Section::kWorkflow,  Section::kStep,     Section::kBranch,
                               Section::kFailure,   Section::kClause,   Section::kProduct};

constexpr std::string_view kHead =
    R"(<!-- Made by `sluice schema --page` from src/model/keys.h; a test holds it to that. -->

# The keys of sluice.yaml

Every key that the language has, with what it takes, what holds where it is left out, and an example. The same table
reads the file and makes the schema for editors (`sluice schema`). What the keys mean together, when a step
starts, what is absent, what a failure undoes, is in [data-flow.md](data-flow.md); what stands in `${…}` in
[expressions.md](expressions.md). A server may refuse a key that is part of the language but not there yet; the README
lists them.

Values: a *word* is plain text; a *duration* is a number with a unit, `250ms`, `30s`, `1m30s`, `2h`, `7d`; a *size*
is a number of bytes, with a unit `256Mi`, `1.5Gi` (binary) or `10M` (decimal); a *value* is anything, with `${…}` in
it at any depth; a *condition* is `${…}` that is true or false. Unknown keys are mistakes, and so are keys used twice,
aliases and tags of YAML. A value that begins with `${` is quoted where it stands in `{ }` or holds `: `.

The examples of workflows and steps stand in an app that begins so; steps have the inputs `text`, `parts`, `n` and `ok`:

```yaml
)";

// Of the workflow around the example of a step, whose inputs must all be used.
constexpr std::string_view kStepHead = R"(  main:
    inputs: { text: text, parts: list<text>, n: int, ok: bool }
    steps:
      before: { set: { n: 1 } }
)";
constexpr std::string_view kStepTail =
    "    outputs: { text: \"${inputs.text}\", parts: \"${inputs.parts}\", n: \"${inputs.n}\", ok: "
    "\"${inputs.ok}\", before: \"${before.n}\" }\n";

std::string number(double value) {
  return std::trunc(value) == value ? fmt::format("{}", static_cast<std::int64_t>(value))
                                    : fmt::format("{}", value);
}

std::string choices(std::string_view all) {
  std::string text;
  while (!all.empty()) {
    const std::size_t bar = std::min(all.find('|'), all.size());
    text += fmt::format("{}`{}`", text.empty() ? "" : ", ", all.substr(0, bar));
    all.remove_prefix(std::min(bar + 1, all.size()));
  }
  return text;
}

std::string_view heading(Section section) {
  switch (section) {
    case Section::kApp:
      return "An app";
    case Section::kFunction:
      return "A function";
    case Section::kPort:
      return "A port";
    case Section::kResources:
      return "resources";
    case Section::kRetry:
      return "retry";
    case Section::kWorkers:
      return "workers";
    case Section::kWorkflow:
      return "A workflow";
    case Section::kStep:
      return "A step";
    case Section::kBranch:
      return "A branch of switch";
    case Section::kFailure:
      return "fail";
    case Section::kClause:
      return "catch";
    case Section::kProduct:
      return "out";
  }
  std::abort();  // Every section is named above.
}

// As GitHub and others make anchors of headings.
std::string link_to(Section section) {
  std::string anchor(heading(section));
  for (char& c : anchor) c = c == ' ' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return fmt::format("[{}](#{})", heading(section), anchor);
}

std::string takes(const Key& key) {
  switch (key.shape) {
    case KeyShape::kWord:
      return key.pattern.empty() ? "a word" : fmt::format("a word, `{}`", key.pattern);
    case KeyShape::kChoice:
      return key.choices.find('|') == std::string_view::npos ? choices(key.choices)
                                                             : "one of " + choices(key.choices);
    case KeyShape::kDuration:
      return "a duration";
    case KeyShape::kSize:
      return "a size";
    case KeyShape::kNumber:
      return fmt::format("a number from {} to {}", number(key.least), number(key.most));
    case KeyShape::kCount:
      return fmt::format("a whole number from {} to {}", number(key.least), number(key.most));
    case KeyShape::kFlag:
      return "`true` or `false`";
    case KeyShape::kWords:
      return "a list of words";
    case KeyShape::kTexts:
      return "a map of names to words";
    case KeyShape::kType:
      return "a port type";
    case KeyShape::kPorts:
      return fmt::format("a map of names to port types, or to maps: {}", link_to(Section::kPort));
    case KeyShape::kLiteral:
      return "anything without `${…}`";
    case KeyShape::kValue:
      return "a value";
    case KeyShape::kText:
      return "a text, with `${…}` in it";
    case KeyShape::kCondition:
      return "a condition";
    case KeyShape::kValues:
      return "a map of names to values";
    case KeyShape::kList:
      return "`${…}` that is a list, or a list of values";
    case KeyShape::kTimeOrPorts:
      return "a duration, a time (RFC 3339), `${…}` that is one of them, or a map of names to port "
             "types";
    case KeyShape::kMap:
      return "a map: " + link_to(key.of);
    case KeyShape::kMaps:
      return fmt::format("a map of names to maps: {}", link_to(key.of));
    case KeyShape::kMapList:
      return "a list of maps: " + link_to(key.of);
    case KeyShape::kMapOrMapList:
      return fmt::format("a map, or a list of maps: {}", link_to(key.of));
    case KeyShape::kCommand:
      return "a list of arguments, or a command of the shell; with `${…}` in them";
    case KeyShape::kProducts:
      return fmt::format("a map of names to paths, or to maps: {}", link_to(key.of));
    case KeyShape::kAnything:
      return "";
  }
  std::abort();  // Every shape is named above.
}

// Where the section may stand: the keys that lead to it.
std::string places(Section section) {
  std::string text;
  for (const Section outer : kSections) {
    for (const Key& key : keys_of(outer)) {
      const bool is_ports = section == Section::kPort && key.shape == KeyShape::kPorts;
      const bool is_map =
          (key.shape == KeyShape::kMap || key.shape == KeyShape::kMaps ||
           key.shape == KeyShape::kMapList || key.shape == KeyShape::kMapOrMapList) &&
          key.of == section;
      if (is_ports || is_map)
        text +=
            fmt::format("{}`{}` of {}", text.empty() ? "" : ", ", key.name, section_name(outer));
    }
  }
  return text;
}

const KeyExample* example_of(Section section, std::string_view key) {
  const std::span<const KeyExample> examples = key_examples(section);
  const auto found = std::ranges::find(examples, key, &KeyExample::key);
  return found == examples.end() ? nullptr : &*found;
}

void append_indented(std::string& out, std::string_view text, std::string_view indent) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    out += fmt::format("{}{}\n", indent, text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

// `list<T>` is no tag of HTML.
std::string shielded(std::string_view text) {
  std::string out;
  bool is_code = false;
  for (const char c : text) {
    if (c == '`') is_code = !is_code;
    if (c == '<' && !is_code) {
      out += "&lt;";
    } else {
      out += c;
    }
  }
  return out;
}

void append_key(std::string& out, Section section, const Key& key, std::string_view& last_example) {
  out += fmt::format("- **`{}`** – {}", key.name, shielded(key.about));
  if (key.state != KeyState::kKnown) {
    out += '\n';
    return;
  }
  const KeyExample* example = example_of(section, key.name);
  const bool has_standard = example != nullptr && !example->left_out.empty();
  out += fmt::format(" *Takes* {}", takes(key));
  if (key.is_required) out += "; *required*";
  if (has_standard) out += fmt::format("; *left out*: {}", shielded(example->left_out));
  out += ".\n";
  if (example == nullptr || example->yaml == last_example) return;
  last_example = example->yaml;
  out += "  ```yaml\n";
  append_indented(out, example->yaml, "  ");
  out += "  ```\n";
}

}  // namespace

std::string example_app(Section section, const KeyExample& example) {
  std::string app;
  switch (section) {
    case Section::kApp:
      return std::string(example.yaml);
    case Section::kFunction:
    case Section::kPort:
    case Section::kResources:
    case Section::kRetry:
    case Section::kWorkers:
      app = "app: example\nfunctions:\n";
      append_indented(app, example.yaml, "  ");
      return app + "workflows: { rest: { steps: { pause: { wait: 1s } } } }\n";
    case Section::kWorkflow:
      app = example_setting();
      append_indented(app, example.yaml, "  ");
      return app;
    case Section::kStep:
    case Section::kFailure:
    case Section::kBranch:
    case Section::kClause:
    case Section::kProduct:
      app = example_setting();
      app += kStepHead;
      append_indented(app, example.yaml, "      ");
      return app + std::string(kStepTail);
  }
  std::abort();  // Every section is named above.
}

std::string language_page() {
  std::string page(kHead);
  page += example_setting();
  page += "```\n";
  for (const Section section : kSections) {
    page += fmt::format("\n## {}\n\n{}", heading(section), section_about(section));
    const std::string where = places(section);
    page += where.empty() ? "\n\n" : fmt::format(" Stands in {}.\n\n", where);
    // The same example is shown once, below the first key that it is for.
    std::string_view last_example;
    for (const Key& key : keys_of(section)) append_key(page, section, key, last_example);
  }
  return page;
}

}  // namespace sluice::model
