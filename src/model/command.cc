#include "model/command.h"

namespace sluice::model {
namespace {

Json to_json(const Command::Word& word) {
  Json pieces = Json::list();
  for (const Command::Piece& piece : word) {
    if (!piece.input) {
      pieces.push(Json(piece.text));
      continue;
    }
    Json input = Json().set("input", *piece.input);
    if (piece.in_quotes) input.set("in_quotes", true);
    pieces.push(std::move(input));
  }
  return pieces;
}

std::string_view name_of(Command::Product::From from) {
  switch (from) {
    case Command::Product::From::kFile:
      return "file";
    case Command::Product::From::kGlob:
      return "glob";
    case Command::Product::From::kPrinted:
      return "printed";
  }
  return "";
}

std::string_view name_of(Command::As as) {
  switch (as) {
    case Command::As::kPath:
      return "path";
    case Command::As::kText:
      return "text";
    case Command::As::kByKind:
      return "by_kind";
  }
  return "";
}

}  // namespace

Json to_json(const Command& command) {
  Json inputs = Json::list();
  for (const Command::As as : command.inputs) inputs.push(Json(name_of(as)));
  Json words = Json::list();
  for (const Command::Word& word : command.words) words.push(to_json(word));
  Json variables = Json::list();
  for (const auto& [name, input] : command.variables) {
    variables.push(Json::List{Json(name), Json(input)});
  }
  Json products = Json::list();
  for (const Command::Product& product : command.products) {
    Json entry = Json().set("from", name_of(product.from)).set("path", product.path);
    if (product.at_first_close) entry.set("at_first_close", true);
    products.push(std::move(entry));
  }
  Json json;
  json.set("is_shell", command.is_shell).set("inputs", std::move(inputs));
  json.set("words", std::move(words));
  if (command.standard_input) json.set("standard_input", *command.standard_input);
  json.set("variables", std::move(variables)).set("products", std::move(products));
  return json;
}

}  // namespace sluice::model
