#pragma once

// docs/reference/language.md: every key with what it takes, made from the table that the reader and
// the schema are made from (model/keys.h). `sluice schema --page` prints it.

#include <string>

#include "model/keys.h"

namespace sluice::model {

std::string language_page();
// A whole app around the example, which has to be free of mistakes.
std::string example_app(Section section, const KeyExample& example);

}  // namespace sluice::model
