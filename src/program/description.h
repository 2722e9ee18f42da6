#pragma once

// What a program worker is told in its `setup` frame: the command of one step (model/command.h is
// who writes it) and the ports that its inputs and outputs are. Bounds and indexes are checked here
// once; nobody behind asks again.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace sluice::program {

// What an input is where text is wanted.
enum class As : std::uint8_t { kPath, kText, kByKind };

struct InputPort {
  std::string name;
  As as = As::kText;
  bool is_list = false;
};

struct Piece {
  std::string text;
  std::optional<std::uint32_t> input;  // Instead of a text.
  bool in_quotes = false;
};
using Word = std::vector<Piece>;

enum class Content : std::uint8_t { kBytes, kText, kJson, kInt, kFloat, kBool, kArray, kFile };

struct Product {
  enum class From : std::uint8_t { kFile, kGlob, kPrinted };
  From from = From::kPrinted;
  std::string name;  // Of the output.
  std::string path;
  bool at_first_close = false;
  bool is_optional = false;
  Content content = Content::kFile;  // Of a list: of each element.
};

struct Description {
  bool is_shell = false;
  std::vector<Word> words;
  std::optional<std::uint32_t> standard_input;
  std::vector<std::pair<std::string, std::uint32_t>> variables;
  std::vector<InputPort> inputs;
  std::vector<Product> products;  // Number n is output n.
  std::string code;               // The folder of the app.
  std::string scratch;

  std::optional<std::uint32_t> printed() const;  // The product that is what the program prints.
};

Result<Description> parse_description(std::string_view setup);

}  // namespace sluice::program
