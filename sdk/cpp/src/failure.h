#pragma once

#include <exception>
#include <string>

namespace sluice::detail {

// The payload of `failed` for what a function threw.
std::string describe_failure(const std::exception_ptr& thrown);
std::string failure_payload(std::string_view name, std::string_view message,
                            std::initializer_list<std::string_view> bases = {});

}  // namespace sluice::detail
