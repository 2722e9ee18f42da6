#pragma once

// From the text of `sluice.yaml` to a validated App, in two halves so that code can be looked at in
// between: parse_app reads the file; bundle/ then supplies what the source code says of the ports
// of functions that declare none (or not all); check_app resolves names and types and orders the
// steps.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "model/mistake.h"
#include "model/plan.h"

namespace sluice::model {

class Draft;  // The file as written, with the place of every word (model/draft.h).

// A function whose code must be looked at: which file, which name, and where the handler is named.
struct CodeWanted {
  std::string function;
  Runtime runtime;
  std::string handler;  // `words.count`: module `words`, function `count`.
  std::uint32_t line, column;
  std::string binary;  // kNative: the program, and where the file names it.
  std::uint32_t binary_line = 1, binary_column = 1;
  bool has_ports = false;  // Inputs and outputs are declared: the code need not say them.
};

// What the source code says of one function; produced by bundle/.
struct CodePorts {
  std::string function;
  std::string file;  // `words.py`
  std::vector<Port> inputs;
  std::vector<Port> outputs;
  // Parameters whose default is no JSON value, so that only the code can fill it in: inputs where
  // the file declares them, else none.
  std::vector<Port> inputs_if_declared;
  std::vector<std::string> reads;  // Inputs that it reads by name: they need no parameter.
  bool is_generator = false;
};

std::unique_ptr<Draft> parse_app(std::string_view yaml, const Limits& limits, Mistakes& mistakes);
std::vector<CodeWanted> code_wanted(const Draft& draft);
// The app, or nothing and at least one mistake.
std::optional<App> check_app(const Draft& draft, const std::vector<CodePorts>& code,
                             const Limits& limits, Mistakes& mistakes);

}  // namespace sluice::model
