#pragma once

// Outputs of a run as the HTTP interface shows them: inside its document, or as bytes. Loop thread;
// pure but for reading kept values from disk.

#include <string>

#include "api/control.h"
#include "node/run_record.h"

namespace sluice::node {

// All that are there, by name: JSON and text as they are where they are small, references to
// others; a list of such, and one reference for a long list.
Json outputs_json(const RunRecord& run);

// The bytes of an output or of the part of it that `path` leads to; a list is a JSON array of what
// the document has, and kInvalidArgument where that is too long. kFailedPrecondition: not there
// yet; kNotFound: never.
Result<api::OutputBytes> output_bytes(const RunRecord& run, const std::string& name,
                                      const api::OutputPath& path);

// Some elements of a list: {"elements", "count", "cursor"?}. Errors as above.
Result<Json> output_page(const RunRecord& run, const std::string& name, const api::OutputPath& path,
                         const api::ListPage& page);

// Whether a task of the run may have such an output, and it is kept. kNotFound says why not.
Status check_task_output(const RunRecord& run, const std::string& task, const std::string& name);

}  // namespace sluice::node
