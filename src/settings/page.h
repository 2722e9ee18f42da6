#pragma once

// docs/reference/configuration.md: every setting with its flag, variable, key, what it takes and
// what holds without it, made from the table that reads them. `sluice man --configuration` prints
// it.

#include <string>

namespace sluice::settings {

std::string configuration_page();

}  // namespace sluice::settings
