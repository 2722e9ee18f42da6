#pragma once

// A function with its ports: what the file declares, completed by what the source code says.

#include "model/draft.h"
#include "model/parse.h"
#include "model/report.h"

namespace sluice::model {

struct ResolvedFunction {
  Function function;
  // False: the ports are not known, because the code could not be read; that has been reported.
  bool inputs_known = true;
  bool outputs_known = true;
};

// `code` is null where there is none (yet).
ResolvedFunction resolve_function(const DraftFunction& draft, const CodePorts* code,
                                  Report& report);

}  // namespace sluice::model
