// `run:` with its arguments or its command, and `out:`.

#include <algorithm>

#include <fmt/format.h>

#include "model/expr/syntax.h"
#include "model/internal/read_keys.h"
#include "model/internal/read_sections.h"
#include "model/internal/read_value.h"
#include "model/names.h"
#include "model/shell_quoting.h"

namespace sluice::model {
namespace {

using From = Command::Product::From;

struct Refusal {
  std::string_view where;
  std::string_view hint;
};

// Why a value cannot stand there, and what to do.
Refusal refusal_of(ShellPlace place) {
  switch (place) {
    case ShellPlace::kBare:
    case ShellPlace::kDoubleQuotes:
      break;
    case ShellPlace::kSingleQuotes:
      return {"inside of single quotes",
              "take the quotes away: it is one argument whatever is in it"};
    case ShellPlace::kComment:
      return {"in a comment", "take it out of the comment; for a plain `${` write $${"};
    case ShellPlace::kHereDocument:
      return {"in a here-document",
              "take it out: give the text as 'in: { stdin: ... }', or print it with printf"};
    case ShellPlace::kBackquotes:
      return {"inside of backquotes", "write $(...) in place of `...`"};
    case ShellPlace::kArithmetic:
      return {"inside of $((...)), where the shell would parse it",
              "calculate inside of the expression: ${inputs.n + 1}"};
    case ShellPlace::kEscaped:
      return {"right behind a backslash or a dollar sign",
              "take the character before it away; for a plain `${` write $${"};
    case ShellPlace::kUncertain:
      return {"behind something whose quotes cannot be followed",
              "give it as a variable: 'in: { NAME: ... }' and \"$NAME\""};
  }
  return {"there", ""};
}

class CommandReader {
 public:
  CommandReader(std::string_view who, DraftTexts& texts, std::vector<Mention>& mentions,
                Report& report)
      : who_(who), texts_(texts), mentions_(mentions), report_(report) {}

  std::optional<DraftCommand> read(const YamlMember& run, const YamlMember* out);

 private:
  using Piece = DraftCommand::Piece;
  using Pieces = std::vector<expr::TemplatePiece>;

  void read_arguments(const YamlMember& run);
  void read_shell(const YamlMember& run);
  void read_products(const YamlMember& out);
  void read_product(const YamlMember& member);
  bool read_path(const YamlMember& member, const YamlValue& value, DraftCommand::Product& product);
  void check_type(const YamlMember& member, bool has_type, DraftCommand::Product& product,
                  Place place);
  std::optional<Pieces> split(const YamlValue& value);
  Piece value_piece(const YamlValue& value, const expr::TemplatePiece& piece);
  void refuse(Place place, std::string message, std::string hint = {}) {
    is_whole_ = false;
    report_.add(place, std::move(message), std::move(hint));
  }

  std::string_view who_;
  DraftTexts& texts_;
  std::vector<Mention>& mentions_;
  Report& report_;
  DraftCommand command_;
  bool is_whole_ = true;
};

// Where byte `offset` of the text stands, as far as the file has it as it is.
Place place_in(const YamlValue& value, std::size_t offset) {
  Place place = value.place;
  if (!value.verbatim) return place;
  const std::string_view before = std::string_view(value.text).substr(0, offset);
  place.column += static_cast<std::uint32_t>(
      std::ranges::count_if(before, [](char c) { return (c & 0xC0) != 0x80; }));
  return place;
}

std::optional<CommandReader::Pieces> CommandReader::split(const YamlValue& value) {
  if (value.text.find('\0') != std::string::npos) {
    refuse(value.place, "an argument of a program cannot hold a NUL",
           "give it as 'in: { stdin: ... }'");
    return std::nullopt;
  }
  expr::Mistakes mistakes;
  auto pieces = expr::split_template(value.text, mistakes);
  for (const expr::Mistake& mistake : mistakes) {
    refuse(place_in(value, mistake.spot.offset), mistake.message, mistake.hint);
  }
  if (!pieces) collect_mentions(value, mentions_);
  return pieces;
}

CommandReader::Piece CommandReader::value_piece(const YamlValue& value,
                                                const expr::TemplatePiece& piece) {
  YamlValue alone = value;
  alone.text = fmt::format("${{{}}}", piece.text);
  // The piece begins behind its `${`.
  alone.place = place_in(value, piece.offset - 2);
  Piece read;
  read.value = read_value(alone, texts_, mentions_, report_);
  is_whole_ = is_whole_ && !read.value->is_broken();
  return read;
}

void CommandReader::read_arguments(const YamlMember& run) {
  for (const YamlValue& item : run.value.items) {
    if (item.kind == YamlValue::Kind::kBroken) {
      is_whole_ = false;
      continue;
    }
    if (item.kind != YamlValue::Kind::kScalar || (item.is_null() && item.text.empty())) {
      refuse(item.kind == YamlValue::Kind::kScalar ? run.place : item.place,
             fmt::format("an argument of 'run' must be a plain value, not {}", shape_of(item)),
             item.kind == YamlValue::Kind::kScalar ? "for an empty one write ''"
                                                   : "write the arguments one by one");
      collect_mentions(item, mentions_);
      continue;
    }
    const auto pieces = split(item);
    if (!pieces) continue;
    std::vector<Piece>& word = command_.words.emplace_back();
    for (const expr::TemplatePiece& piece : *pieces) {
      word.push_back(piece.is_expression ? value_piece(item, piece)
                                         : Piece{.text = piece.text, .value = {}});
      word.back().is_alone = pieces->size() == 1;
    }
  }
}

void CommandReader::read_shell(const YamlMember& run) {
  const YamlValue& value = run.value;
  const auto pieces = split(value);
  if (!pieces) return;
  command_.is_shell = true;
  std::vector<Piece>& script = command_.words.emplace_back();
  ShellScanner scanner;
  for (std::size_t i = 0; i < pieces->size(); ++i) {
    const expr::TemplatePiece& piece = (*pieces)[i];
    if (!piece.is_expression) {
      scanner.text(piece.text);
      script.push_back({.text = piece.text, .value = {}});
      continue;
    }
    const bool begins = scanner.is_between_words();
    const ShellPlace place = scanner.reference();
    script.push_back(value_piece(value, piece));
    script.back().in_quotes = place == ShellPlace::kDoubleQuotes;
    const bool ends =
        i + 1 == pieces->size() ||
        (!(*pieces)[i + 1].is_expression && ShellScanner::ends_word((*pieces)[i + 1].text.front()));
    script.back().is_alone = begins && ends && place == ShellPlace::kBare;
    if (is_allowed(place)) continue;
    const Refusal refusal = refusal_of(place);
    std::string message =
        fmt::format("'${{{}}}' cannot stand {}", shown(piece.text), refusal.where);
    if (place == ShellPlace::kUncertain) {
      message += fmt::format(" ({})", scanner.uncertain_about());
    }
    refuse(place_in(value, piece.offset - 2), std::move(message), std::string(refusal.hint));
  }
  if (const auto open = scanner.unclosed()) {
    refuse(value.place, fmt::format("the command ends inside of {}", *open),
           "close it, or write the command as a list");
  }
}

bool has_wildcard(std::string_view path) {
  return path.find_first_of("*?[") != std::string_view::npos;
}

// The path of a product, brought to the form `a/b`; nothing if that cannot be.
bool CommandReader::read_path(const YamlMember& member, const YamlValue& value,
                              DraftCommand::Product& product) {
  const std::string what = fmt::format("output '{}'", shown(member.key));
  if (value.kind != YamlValue::Kind::kScalar || value.is_null() || value.text.empty()) {
    if (value.kind != YamlValue::Kind::kBroken) {
      refuse(
          value.kind == YamlValue::Kind::kScalar ? member.place : value.place,
          fmt::format("{} must be a path, not {}", what,
                      value.kind == YamlValue::Kind::kScalar && !value.is_null() ? "an empty text"
                                                                                 : shape_of(value)),
          "write a file like out.mp4, a glob like \"seg-*.ts\", or \"-\" for what it prints");
    }
    is_whole_ = false;
    return false;
  }
  if (expr::has_expression(value.text)) {
    refuse(value.place, "'${...}' cannot stand where a path of an output is wanted",
           "let the program write to a fixed name in its folder");
    collect_mentions(value, mentions_);
    return false;
  }
  const std::string path = expr::plain_text(value.text);
  if (path == "-") {
    product.file.from = From::kPrinted;
    return true;
  }
  if (path.front() == '/' || path.find('\0') != std::string::npos) {
    refuse(value.place, fmt::format("{} leaves the folder: '{}'", what, shown(path)),
           "a program runs in an empty folder of its own; write a path inside of it");
    return false;
  }
  std::string normal;
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view part = std::string_view(path).substr(at, end - at);
    at = end + 1;
    if (part == "..") {
      refuse(value.place, fmt::format("{} leaves the folder: '{}'", what, shown(path)),
             "a program runs in an empty folder of its own; write a path inside of it");
      return false;
    }
    if (part == "**") {
      refuse(value.place, fmt::format("{}: '**' is not there", what),
             "name the folders, or use one `*` for each");
      return false;
    }
    if (part.empty() && at > path.size()) break;  // `a/`, below.
    if (part.empty() || part == ".") continue;
    normal += fmt::format("{}{}", normal.empty() ? "" : "/", part);
  }
  if (path.back() == '/' || normal.empty()) {
    refuse(value.place, fmt::format("{} is a folder: '{}'", what, shown(path)),
           fmt::format("for the files in it write \"{}*\"", shown(path)));
    return false;
  }
  product.file.from = has_wildcard(normal) ? From::kGlob : From::kFile;
  product.file.path = std::move(normal);
  return true;
}

void CommandReader::check_type(const YamlMember& member, bool has_type,
                               DraftCommand::Product& product, Place place) {
  const bool is_glob = product.file.from == From::kGlob;
  if (!has_type) {
    product.type = Type{.kind = product.file.from == From::kPrinted ? Kind::kText : Kind::kFile};
    if (is_glob) product.type = product.type.list_of();
    return;
  }
  const std::string spelled = to_text(product.type);
  if (is_glob && product.type.lists != 1) {
    refuse(
        place,
        fmt::format("output '{}' is a glob, which is a list, not {}", shown(member.key), spelled),
        product.type.lists == 0 ? fmt::format("write list<{}>", spelled) : "");
  } else if (!is_glob && product.type.is_list()) {
    refuse(place, fmt::format("output '{}' is one value, not {}", shown(member.key), spelled),
           product.file.from == From::kPrinted
               ? "for a list the program writes files, and a glob names them"
               : "a list is named by a glob, like \"part-*.txt\"");
  } else if (is_glob && product.type.holes != 0) {
    refuse(place, fmt::format("output '{}': no file of a glob is ever absent", shown(member.key)),
           fmt::format("write {}", [&] {
             Type element = product.type.element();
             element.optional = false;
             return to_text(element.list_of());
           }()));
  }
}

void CommandReader::read_product(const YamlMember& member) {
  DraftCommand::Product product;
  product.name = {member.key, member.place};
  if (const auto problem = identifier_problem(member.key)) {
    refuse(member.place, fmt::format("output '{}': {}", shown(member.key), problem->message),
           problem->hint);
  }
  const YamlValue& value = member.value;
  if (value.kind != YamlValue::Kind::kMap) {
    if (!read_path(member, value, product)) return;
    check_type(member, false, product, value.place);
  } else {
    check_keys(value, Section::kProduct, report_);
    if (has_unknown_key(value, Section::kProduct)) is_whole_ = false;
    const YamlMember* path = value.find("path");
    if (path == nullptr) {
      if (!has_unknown_key(value, Section::kProduct)) {
        refuse(member.place, fmt::format("output '{}' does not say its path", shown(member.key)),
               "write { path: out.mp4 }, or { path: \"-\" } for what it prints");
      }
      return;
    }
    if (!read_path(member, path->value, product)) return;
    DraftPort port;
    port.name = product.name;
    const YamlMember* type = value.find("type");
    if (type != nullptr) read_type(*type, PortsOf::kFunctionOutputs, port, report_);
    if (port.is_broken) is_whole_ = false;
    if (port.type) product.type = *port.type;
    if (!port.is_broken) {
      check_type(member, port.type.has_value(), product,
                 type == nullptr ? member.place : type->value.place);
    }
    if (const YamlMember* emit = value.find("emit")) {
      product.file.at_first_close = read_choice(*emit, Section::kProduct, report_).has_value();
      is_whole_ = is_whole_ && product.file.at_first_close;
      if (product.file.from == From::kPrinted) {
        refuse(emit->place, "'emit' is for files; what is printed is an output at once",
               "remove it");
      }
    }
  }
  const bool is_second = product.file.from == From::kPrinted &&
                         std::ranges::any_of(command_.products, [](const auto& other) {
                           return other.file.from == From::kPrinted;
                         });
  if (is_second) {
    refuse(member.place, fmt::format("output '{}' is a second '-'", shown(member.key)),
           "what a program prints is one output");
  }
  command_.products.push_back(std::move(product));
}

void CommandReader::read_products(const YamlMember& out) {
  if (!expect_map(out.value, "'out'", report_, "write { video: out.mp4, parts: \"seg-*.ts\" }")) {
    is_whole_ = false;
    return;
  }
  if (out.value.members.empty()) {
    refuse(out.place, "'out' names no output", "leave it out for what it prints, as 'result'");
  }
  for (const YamlMember& member : out.value.members) read_product(member);
}

std::optional<DraftCommand> CommandReader::read(const YamlMember& run, const YamlMember* out) {
  const YamlValue& value = run.value;
  const bool is_text = value.kind == YamlValue::Kind::kScalar && !value.is_null();
  if (value.kind == YamlValue::Kind::kBroken) {
    is_whole_ = false;
  } else if (value.kind == YamlValue::Kind::kList && !value.items.empty()) {
    read_arguments(run);
  } else if (is_text && value.text.find_first_not_of(" \t\n") != std::string::npos) {
    read_shell(run);
  } else if (value.kind == YamlValue::Kind::kMap) {
    refuse(value.place,
           fmt::format("'run' of {} must be a list of arguments or a command, not a map", who_),
           "write [\"cat\", \"${inputs.file}\"] or \"cat ${inputs.file}\"");
    collect_mentions(value, mentions_);
  } else {
    refuse(run.place, fmt::format("'run' of {} names no program", who_),
           "write [\"cat\", \"${inputs.file}\"] or \"cat ${inputs.file}\"");
  }
  if (out != nullptr) {
    read_products(*out);
  } else {
    command_.products.push_back({.name = {"result", run.place},
                                 .file = {.from = From::kPrinted},
                                 .type = Type{.kind = Kind::kText}});
  }
  if (!is_whole_) return std::nullopt;
  return std::move(command_);
}

}  // namespace

std::optional<DraftCommand> read_command(const YamlMember& run, const YamlMember* out,
                                         std::string_view who, DraftTexts& texts,
                                         std::vector<Mention>& mentions, Report& report) {
  return CommandReader(who, texts, mentions, report).read(run, out);
}

}  // namespace sluice::model
