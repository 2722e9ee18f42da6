#pragma once

// From `-i NAME=VALUE`, `-i NAME=@FILE`, `--json FILE` and the types of a workflow's inputs to the
// body that starts a run. Opens no file: what is streamed is only named here (http_client.h reads
// it). All mistakes are reported together, so that one command line needs one correction.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "cli/http_client.h"
#include "model/type.h"

namespace sluice::cli {

struct InputPort {
  std::string name;
  model::Type type;
  bool is_required = true;  // Neither a default nor optional.
};

// From the `inputs` of a workflow's document. A type that this client does not know is taken for
// `any`.
std::vector<InputPort> input_ports(const Json& workflow);

// One `-i`.
struct Given {
  enum class From : std::uint8_t { kValue, kFile, kStdin };
  std::string name;
  From from = From::kValue;
  std::string text;  // The value, or the path.
};
Result<Given> parse_given(std::string_view argument);

// One of the two: a JSON document where all inputs are small values, parts where something streams.
struct RunBody {
  std::optional<Json> inputs;
  std::vector<Part> parts;
};

// `document` is what --json gave, a map or null; `given` replaces its members of the same name.
Result<RunBody> to_run_body(const std::vector<InputPort>& ports, const std::vector<Given>& given,
                            const Json& document);

// One value as the command line spells it: JSON where the type is json, checked numbers and truth
// values, text otherwise.
Result<Json> parse_value(const model::Type& type, const std::string& text);

}  // namespace sluice::cli
