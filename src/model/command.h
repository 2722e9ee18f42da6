#pragma once

// What a step with `run:` does, checked: the program or the shell command with the places where
// inputs go, and which output is which file. Its inputs and outputs are the ports of the function
// that the step becomes (plan.h); who starts programs gets this as JSON, in the `setup` frame.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"

namespace sluice::model {

// Of the text that a worker gets, JSON. Half of what fits a frame: the ports travel with it.
inline constexpr std::size_t kCommandMax = 32 << 10;

struct Command {
  struct Piece {
    std::string text;
    std::optional<std::uint32_t> input;  // Instead of a text.
    bool in_quotes = false;  // Shell: between double quotes, where the value is not quoted again.
    friend bool operator==(const Piece&, const Piece&) = default;
  };
  using Word = std::vector<Piece>;
  struct Product {
    enum class From : std::uint8_t { kFile, kGlob, kPrinted };
    From from = From::kPrinted;
    std::string path;             // Relative to the folder of the program, without `.` and `..`.
    bool at_first_close = false;  // `emit: closed`
    friend bool operator==(const Product&, const Product&) = default;
  };

  // What an input is in an argument or a variable. By its kind: where only the value can tell.
  enum class As : std::uint8_t { kPath, kText, kByKind };

  bool is_shell = false;
  std::vector<As> inputs;   // One per input port.
  std::vector<Word> words;  // The program and its arguments; shell: the script alone.
  std::optional<std::uint32_t> standard_input;
  std::vector<std::pair<std::string, std::uint32_t>> variables;  // Of the environment.
  std::vector<Product> products;                                 // One per output.
};

Json to_json(const Command& command);

}  // namespace sluice::model
