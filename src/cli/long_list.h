#pragma once

// A list output that is too long for the run's document, which only refers to it. Its elements come
// page by page, so that a list of any length takes the memory of one page.

#include <cstddef>
#include <functional>
#include <span>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "cli/session.h"

namespace sluice::cli {

Request output_request(const Json& run, std::string_view name);
// Of an element of a list, or of a list in it: `/3`, `/3/0` behind the output's own path.
Request element_request(const Json& run, std::string_view name, std::span<const std::size_t> at);

// Whether a document has, for what is at this address, only a reference to a list. A value that
// looks like one names another address.
bool is_long_list(const Json& value, const Request& at);

using SeeElement = std::function<Status(std::size_t index, const Json& element)>;
// Elements in order, each as it stands in a document; ends with the first error of `see`.
Status each_element(Session& session, const Request& list, const SeeElement& see);

}  // namespace sluice::cli
