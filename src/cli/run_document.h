#pragma once

// `-o json` of a run: the document of the interface, without what only a live view needs. Lists are
// arrays however long they are; what the server's document only refers to is fetched and written on
// page by page.

#include "base/json.h"
#include "base/result.h"
#include "cli/session.h"

namespace sluice::cli {

Status write_run_document(Session& session, const Json& run);

}  // namespace sluice::cli
