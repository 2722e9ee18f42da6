#pragma once

// The outputs of a run that has ended: shown to a person, written as bytes, saved as files.

#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "cli/session.h"
#include "model/type.h"

namespace sluice::cli {

struct OutputPort {
  std::string name;
  model::Type type;  // `any` where the server did not say.
};
std::vector<OutputPort> output_ports(const Json& workflow);

// Which output -o raw writes: `wanted`, or the only one. kInvalidArgument says what there is.
Result<std::string> choose_raw_output(const std::vector<OutputPort>& ports,
                                      const std::string& wanted);

// By name to standard output: small ones whole, of larger ones their size and where they are.
Status show_outputs(Session& session, const Json& run);
// The bytes of one output to standard output; escaped if that is a terminal.
Status write_raw_output(Session& session, const Json& run, const std::string& name);
// The same of an output of a task, `NAME` or `NAME/3`, in a run that keeps them.
Status write_task_output(Session& session, const std::string& run, const std::string& task,
                         const std::string& output);
// Every output into `directory`, a list into a directory of its name; returns the files, in order.
Result<std::vector<std::filesystem::path>> save_outputs(Session& session, const Json& run,
                                                        const std::vector<OutputPort>& ports,
                                                        const std::filesystem::path& directory);

}  // namespace sluice::cli
