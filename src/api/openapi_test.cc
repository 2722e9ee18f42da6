#include "api/openapi.h"

#include <algorithm>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "api/routes.h"
#include "base/json.h"

namespace sluice::api {
namespace {

std::string_view scope_name(Scope scope) {
  switch (scope) {
    case Scope::kUndeclared:
      return "";
    case Scope::kPublic:
      return "public";
    case Scope::kInvoke:
      return "invoke";
    case Scope::kRead:
      return "read";
    case Scope::kDeploy:
      return "deploy";
    case Scope::kAdmin:
      return "admin";
  }
  return "";
}

// `{a}` and `{b}` of `/x/{a}/{b}`.
std::set<std::string> path_parameters(std::string_view pattern) {
  std::set<std::string> names;
  for (std::size_t at = pattern.find('{'); at != std::string_view::npos;
       at = pattern.find('{', at + 1)) {
    names.emplace(pattern.substr(at + 1, pattern.find('}', at) - at - 1));
  }
  return names;
}

std::set<std::string> words(std::string_view text) {
  std::set<std::string> result;
  while (!text.empty()) {
    const std::size_t space = text.find(' ');
    result.emplace(text.substr(0, space));
    text = space == std::string_view::npos ? std::string_view() : text.substr(space + 1);
  }
  return result;
}

std::set<std::string> described_parameters(const Json& operation, const std::string& where) {
  std::set<std::string> names;
  const Json* parameters = operation.find("parameters");
  if (parameters == nullptr) return names;
  for (const Json& one : *parameters->as_list()) {
    if (*one.find("in")->as_string() == where) names.insert(*one.find("name")->as_string());
  }
  return names;
}

Json document() { return parse_json(openapi_text()).value(); }

TEST(OpenApi, DescribesEveryRouteAndNothingElse) {
  const Json root = document();
  std::map<std::string, const Json*> described;
  for (const auto& [path, methods] : *root.find("paths")->as_map()) {
    for (const auto& [method, operation] : *methods.as_map()) {
      std::string upper = method;
      std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return std::toupper(c); });
      described[upper + " " + path] = &operation;
    }
  }
  std::set<std::string> operations;
  for (const Route& one : routes()) {
    const std::string key = std::string(to_string(one.method)) + " " + std::string(one.pattern);
    ASSERT_TRUE(described.contains(key)) << key << " is not in openapi.json";
    const Json& operation = *described[key];
    EXPECT_EQ(*operation.find("operationId")->as_string(), one.operation) << key;
    EXPECT_EQ(*operation.find("x-scope")->as_string(), scope_name(one.scope)) << key;
    EXPECT_EQ(described_parameters(operation, "path"), path_parameters(one.pattern)) << key;
    EXPECT_EQ(described_parameters(operation, "query"), words(one.query)) << key;
    EXPECT_EQ(operation.find("requestBody") != nullptr, one.body != Body::kNone) << key;
    EXPECT_NE(operation.find("responses")->find("default"), nullptr) << key;
    EXPECT_TRUE(operations.emplace(one.operation).second) << one.operation << " is there twice";
    described.erase(key);
  }
  for (const auto& [key, operation] : described)
    ADD_FAILURE() << key << " is described and not there";
}

void check_references(const Json& root, const Json& value) {
  if (const auto* list = value.as_list()) {
    for (const Json& one : *list) check_references(root, one);
  }
  const auto* map = value.as_map();
  if (map == nullptr) return;
  for (const auto& [name, member] : *map) {
    const std::string* address = name == "$ref" ? member.as_string() : nullptr;
    if (address == nullptr) {
      check_references(root, member);
      continue;
    }
    const Json* at = &root;
    std::string_view rest = *address;
    ASSERT_TRUE(rest.starts_with("#/")) << *address;
    rest.remove_prefix(2);
    while (at != nullptr && !rest.empty()) {
      const std::size_t slash = rest.find('/');
      at = at->find(rest.substr(0, slash));
      rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
    }
    EXPECT_NE(at, nullptr) << *address << " points nowhere";
  }
}

TEST(OpenApi, PointsNowhereThatIsNotThere) {
  const Json root = document();
  EXPECT_EQ(*root.find("openapi")->as_string(), "3.1.0");
  check_references(root, root);
}

TEST(Routes, AreFoundByMethodAndPath) {
  const auto find = [](Method method, std::string target) {
    RequestHead head;
    head.method = method;
    head.target = std::move(target);
    return route(std::move(head));
  };
  const auto element = find(Method::kHead, "/api/v1/runs/r/outputs/a%2Fb/7");
  ASSERT_TRUE(element);
  EXPECT_EQ(element->route->operation, "read_output_element");
  EXPECT_EQ(element->path, (std::vector<std::string>{"r", "a/b", "7"}));
  const auto inner = find(Method::kGet, "/api/v1/runs/r/outputs/o/7/0/12");
  ASSERT_TRUE(inner);
  EXPECT_EQ(inner->route->operation, "read_inner_element");
  EXPECT_EQ(inner->path, (std::vector<std::string>{"r", "o", "7", "0", "12"}));
  EXPECT_EQ(find(Method::kGet, "/api/v1/runs/r/outputs/o/7/").error().problem.status, 404U);
  EXPECT_EQ(find(Method::kGet, "/api/v1/runs/r/outputs/o/7/0/").error().problem.status, 404U);
  EXPECT_EQ(find(Method::kGet, "/api/v1/runs/r/outputs/o/7//0").error().problem.status, 404U);
  EXPECT_EQ(find(Method::kGet, "/api/v1/runs/r/outputs").error().problem.status, 404U);
  EXPECT_EQ(find(Method::kGet, "/api/v1/runs/r/tasks/outer.3~inner.0/outputs/o")->path[1],
            "outer.3~inner.0");
  EXPECT_EQ(find(Method::kGet, "/api/v1/runs/").error().problem.status, 404U);
  EXPECT_EQ(find(Method::kGet, "//api/v1/runs").error().problem.status, 404U);
  EXPECT_EQ(find(Method::kGet, "/api/v1/../v1/runs").error().problem.status, 404U);
  EXPECT_EQ(find(Method::kGet, "/").error().problem.status, 404U);
  EXPECT_EQ(find(Method::kGet, "/api/v1/runs?colour=red").error().problem.status, 400U);
  const auto wrong = find(Method::kPost, "/api/v1/apps/x");
  EXPECT_EQ(wrong.error().problem.status, 405U);
  EXPECT_EQ(wrong.error().allow, "PUT, DELETE");
  EXPECT_EQ(find(Method::kOther, "/api/v1/runs/x").error().allow, "GET, HEAD, DELETE");
}

}  // namespace
}  // namespace sluice::api
