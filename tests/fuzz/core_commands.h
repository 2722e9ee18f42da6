#pragma once

// Core against a naive model: bytes choose a small workflow, where its steps run, and the order of
// everything that can happen; attempts break off, emit something else, are lost, time out. Whatever
// happens, what is committed must be what the model computes without any time at all.

#include <cstddef>
#include <cstdint>

namespace sluice::core::testing {

// Aborts on the first difference.
void run_core_commands(const std::uint8_t* data, std::size_t size);

}  // namespace sluice::core::testing
