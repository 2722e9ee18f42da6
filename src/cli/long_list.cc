#include "cli/long_list.h"

#include "cli/document.h"

namespace sluice::cli {
namespace {

constexpr std::string_view kPageLimit = "1000";  // The most that a server gives.

}  // namespace

Request output_request(const Json& run, std::string_view name) {
  return Request{.path = api_path({"runs", text_member(run, "id"), "outputs", name})};
}

Request element_request(const Json& run, std::string_view name, std::span<const std::size_t> at) {
  Request request = output_request(run, name);
  for (const std::size_t index : at) request.path += fmt::format("/{}", index);
  return request;
}

bool is_long_list(const Json& value, const Request& at) {
  return text_member(value, "$ref") == at.path && value.find("count") != nullptr;
}

Status each_element(Session& session, const Request& list, const SeeElement& see) {
  std::size_t index = 0;
  std::string cursor;
  do {
    Request request = list;
    request.query.emplace_back("limit", kPageLimit);
    if (!cursor.empty()) request.query.emplace_back("cursor", cursor);
    SLUICE_TRY(const Json page, session.client.json(request));
    const Json::List& elements = list_member(page, "elements");
    for (const Json& element : elements) SLUICE_OK(see(index++, element));
    cursor = text_member(page, "cursor");
    if (elements.empty() && !cursor.empty())
      return fail(ErrorCode::kInternal, "the server's page of a list is empty and not the last");
  } while (!cursor.empty());
  return {};
}

}  // namespace sluice::cli
