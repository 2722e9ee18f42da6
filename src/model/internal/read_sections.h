#pragma once

// The larger parts of the file, each to its draft. Every one reports its mistakes and returns what
// could be read.

#include <optional>
#include <vector>

#include "base/limits.h"
#include "model/draft.h"
#include "model/keys.h"
#include "model/report.h"
#include "model/yaml.h"

namespace sluice::model {

enum class PortsOf : std::uint8_t { kFunctionInputs, kFunctionOutputs, kWorkflowInputs, kAnswers };
// The type of port `port.name`, into `port`; reported mistakes leave it broken.
void read_type(const YamlMember& member, PortsOf of, DraftPort& port, Report& report);
// Nothing when it is no map of ports at all, which is reported.
std::optional<std::vector<DraftPort>> read_ports(const YamlMember& member, PortsOf of,
                                                 Report& report);

std::optional<Retry> read_retry(const YamlMember& member, Report& report);
struct Resources {
  std::optional<double> cpu;
  std::optional<ByteCount> memory;
};
Resources read_resources(const YamlMember& member, Report& report);
// `never` or `allowed`.
std::optional<bool> read_replay(const YamlMember& member, Section section, Report& report);

DraftFunction read_function(const YamlMember& member, Report& report);

// The action among the keys of a step, a branch or a clause, with its `in`; kNone if there is none
// (which is reported where one must be), or it is `switch`. `who` as in "step 'a'".
DraftAction read_action(const YamlMember& member, Section section, std::string_view who,
                        DraftTexts& texts, std::vector<Mention>& mentions, Report& report);
// `run`, and `out` where there is one; both of step `who`. Nothing after a mistake.
std::optional<DraftCommand> read_command(const YamlMember& run, const YamlMember* out,
                                         std::string_view who, DraftTexts& texts,
                                         std::vector<Mention>& mentions, Report& report);
DraftStep read_step(const YamlMember& member, Report& report);
DraftWorkflow read_workflow(const YamlMember& member, const Limits& limits, Report& report);

}  // namespace sluice::model
