#include "cli/expression.h"
#include "cli/json_file.h"
#include "cli/session.h"

namespace sluice::cli {

Result<ExitCode> evaluate(const Terminal& terminal, const EvalCommand& command) {
  SLUICE_TRY(const Json variables, read_json_file(command.json_path));
  if (!variables.is_null() && !variables.as_map()) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: a map of names to their values is wanted, this is a {}",
                            command.json_path, variables.type_name()));
  }
  const Evaluated result = evaluate_expression(command.expression, variables);
  if (!result.is_good) {
    write_error(result.mistake);
    return ExitCode::kInvalidApp;
  }
  if (result.is_absent) {
    write_error_line(terminal, "absent", "the expression has no value");
    return ExitCode::kOk;
  }
  SLUICE_OK(write_output(result.json + '\n'));
  return ExitCode::kOk;
}

}  // namespace sluice::cli
