#pragma once

// One line of text per event and action, the same in every run of a seed.

#include <string>

#include "core/types.h"

namespace sluice::sim {

std::string describe(const core::TaskKey& task);
std::string describe(const core::Attempt& attempt);
std::string describe(const core::Object& object);
std::string describe(const core::Event& event);
std::string describe(const core::Action& action, const core::Actions& actions);

}  // namespace sluice::sim
