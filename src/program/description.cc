#include "program/description.h"

#include <array>

#include "base/json.h"

namespace sluice::program {
namespace {

std::unexpected<Error> wrong(std::string_view what) {
  return fail(ErrorCode::kInvalidArgument, fmt::format("setup: {} is missing or wrong", what));
}

const Json::List* list_of(const Json& json, std::string_view key) {
  const Json* found = json.find(key);
  return found == nullptr ? nullptr : found->as_list();
}

const std::string* text_of(const Json& json, std::string_view key) {
  const Json* found = json.find(key);
  return found == nullptr ? nullptr : found->as_string();
}

bool flag_of(const Json& json, std::string_view key) {
  const Json* found = json.find(key);
  return found != nullptr && found->as_bool() != nullptr && *found->as_bool();
}

std::optional<std::uint32_t> index_of(const Json* json, std::size_t count) {
  const std::int64_t* number = json == nullptr ? nullptr : json->as_int();
  if (number == nullptr || *number < 0 || static_cast<std::uint64_t>(*number) >= count) {
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(*number);
}

// The inside of `optional<list<file>>`.
Result<Content> content_of(std::string_view type) {
  while (type.ends_with('>')) {
    type.remove_suffix(1);
    type.remove_prefix(std::min(type.find('<') + 1, type.size()));
  }
  constexpr std::array<std::pair<std::string_view, Content>, 9> kContents{
      {{"bytes", Content::kBytes},
       {"any", Content::kBytes},
       {"text", Content::kText},
       {"json", Content::kJson},
       {"int", Content::kInt},
       {"float", Content::kFloat},
       {"bool", Content::kBool},
       {"array", Content::kArray},
       {"file", Content::kFile}}};
  for (const auto& [name, content] : kContents) {
    if (type == name) return content;
  }
  return fail(ErrorCode::kInvalidArgument, fmt::format("setup: unknown type '{}'", type));
}

Status read_inputs(const Json& setup, const Json& command, Description& description) {
  const Json::List* ports = list_of(setup, "inputs");
  const Json::List* as = list_of(command, "inputs");
  if (ports == nullptr || as == nullptr || ports->size() != as->size()) return wrong("inputs");
  for (std::size_t i = 0; i < ports->size(); ++i) {
    const std::string* name = text_of((*ports)[i], "name");
    const std::string* type = text_of((*ports)[i], "type");
    const std::string* way = (*as)[i].as_string();
    if (name == nullptr || type == nullptr || way == nullptr) return wrong("an input");
    InputPort port{.name = *name, .is_list = type->starts_with("list<")};
    port.as = *way == "path" ? As::kPath : *way == "text" ? As::kText : As::kByKind;
    description.inputs.push_back(std::move(port));
  }
  return {};
}

Status read_words(const Json& command, Description& description) {
  const Json::List* words = list_of(command, "words");
  if (words == nullptr || words->empty()) return wrong("words");
  for (const Json& pieces : *words) {
    if (pieces.as_list() == nullptr) return wrong("a word");
    Word& word = description.words.emplace_back();
    for (const Json& json : *pieces.as_list()) {
      Piece piece;
      if (json.as_string() != nullptr) {
        piece.text = *json.as_string();
      } else {
        piece.input = index_of(json.find("input"), description.inputs.size());
        if (!piece.input) return wrong("a piece of a word");
        piece.in_quotes = flag_of(json, "in_quotes");
      }
      word.push_back(std::move(piece));
    }
  }
  if (description.is_shell && description.words.size() != 1) return wrong("the shell's command");
  return {};
}

Status read_products(const Json& setup, const Json& command, Description& description) {
  const Json::List* ports = list_of(setup, "outputs");
  const Json::List* products = list_of(command, "products");
  if (ports == nullptr || products == nullptr || ports->size() != products->size()) {
    return wrong("outputs");
  }
  for (std::size_t i = 0; i < ports->size(); ++i) {
    const std::string* name = text_of((*ports)[i], "name");
    const std::string* type = text_of((*ports)[i], "type");
    const std::string* from = text_of((*products)[i], "from");
    const std::string* path = text_of((*products)[i], "path");
    if (name == nullptr || type == nullptr || from == nullptr || path == nullptr) {
      return wrong("an output");
    }
    Product product{.name = *name, .path = *path};
    product.from = *from == "file"   ? Product::From::kFile
                   : *from == "glob" ? Product::From::kGlob
                                     : Product::From::kPrinted;
    product.at_first_close = flag_of((*products)[i], "at_first_close");
    product.is_optional = flag_of((*ports)[i], "optional");
    SLUICE_TRY(product.content, content_of(*type));
    if (product.from == Product::From::kPrinted && description.printed())
      return wrong("a second '-'");
    description.products.push_back(std::move(product));
  }
  return {};
}

}  // namespace

std::optional<std::uint32_t> Description::printed() const {
  for (std::uint32_t i = 0; i < products.size(); ++i) {
    if (products[i].from == Product::From::kPrinted) return i;
  }
  return std::nullopt;
}

Result<Description> parse_description(std::string_view setup) {
  SLUICE_TRY(const Json json, parse_json(setup));
  const Json* command = json.find("program");
  const std::string* code = text_of(json, "code");
  const std::string* scratch = text_of(json, "scratch");
  if (command == nullptr || command->as_map() == nullptr) return wrong("program");
  if (code == nullptr || scratch == nullptr) return wrong("code or scratch");
  Description description;
  description.is_shell = flag_of(*command, "is_shell");
  description.code = *code;
  description.scratch = *scratch;
  SLUICE_OK(read_inputs(json, *command, description));
  SLUICE_OK(read_words(*command, description));
  if (const Json* input = command->find("standard_input")) {
    description.standard_input = index_of(input, description.inputs.size());
    if (!description.standard_input) return wrong("standard_input");
  }
  const Json::List* variables = list_of(*command, "variables");
  if (variables == nullptr) return wrong("variables");
  for (const Json& variable : *variables) {
    const Json::List* pair = variable.as_list();
    if (pair == nullptr || pair->size() != 2 || pair->front().as_string() == nullptr) {
      return wrong("a variable");
    }
    const auto input = index_of(&pair->back(), description.inputs.size());
    if (!input) return wrong("a variable");
    description.variables.emplace_back(*pair->front().as_string(), *input);
  }
  SLUICE_OK(read_products(json, *command, description));
  return description;
}

}  // namespace sluice::program
