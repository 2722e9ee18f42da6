#include <fmt/format.h>

#include "model/expr/syntax.h"
#include "model/internal/read_keys.h"
#include "model/internal/read_sections.h"
#include "model/names.h"

namespace sluice::model {
namespace {

std::string_view what_of(PortsOf of) {
  switch (of) {
    case PortsOf::kFunctionInputs:
      return "input";
    case PortsOf::kFunctionOutputs:
      return "output";
    case PortsOf::kWorkflowInputs:
      return "input";
    case PortsOf::kAnswers:
      return "output";
  }
  return "port";
}

// The message of parse_type holds the advice after a ';' or as "did you mean".
void report_type(Place place, const std::string& message, Report& report) {
  const std::size_t cut = message.find("; ");
  if (cut == std::string::npos) {
    report.add(place, message);
  } else {
    report.add(place, message.substr(0, cut), message.substr(cut + 2));
  }
}

DraftPort read_port(const YamlMember& member, PortsOf of, Report& report) {
  DraftPort port;
  port.name = {member.key, member.place};
  port.type_place = member.value.place;
  if (const auto problem =
          of == PortsOf::kAnswers ? field_problem(member.key) : identifier_problem(member.key)) {
    report.add(member.place,
               fmt::format("{} '{}': {}", what_of(of), shown(member.key), problem->message),
               problem->hint);
  }
  if (member.value.kind != YamlValue::Kind::kMap) {
    read_type(member, of, port, report);
    return port;
  }
  check_keys(member.value, Section::kPort, report);
  if (const YamlMember* type = member.value.find("type")) read_type(*type, of, port, report);
  if (const YamlMember* value = member.value.find("default")) {
    port.default_place = value->value.place;
    if (of == PortsOf::kFunctionOutputs || of == PortsOf::kAnswers) {
      report.add(value->place, fmt::format("output '{}' cannot have a default", shown(member.key)),
                 "an output that may be missing is optional<T>");
    } else {
      port.default_value = read_literal(value->value, "a default", report);
    }
  }
  return port;
}

}  // namespace

void read_type(const YamlMember& member, PortsOf of, DraftPort& port, Report& report) {
  const YamlValue& value = member.value;
  port.type_place = value.place;
  if (value.kind == YamlValue::Kind::kBroken) {
    port.is_broken = true;
    return;
  }
  if (value.is_null()) return;  // From the code, or `any`.
  if (value.kind != YamlValue::Kind::kScalar) {
    report.add(value.place, fmt::format("the type of '{}' must be a word", shown(port.name.text)),
               value.kind == YamlValue::Kind::kList ? "write list<T>" : "");
    port.is_broken = true;
    return;
  }
  if (expr::has_expression(value.text)) {
    report.add(value.place, "'${...}' cannot stand where a type is wanted",
               of == PortsOf::kFunctionOutputs || of == PortsOf::kAnswers
                   ? "what a step gets is written in its 'in'"
                   : "write the type here; what a step gets is written in its 'in'");
    port.is_broken = true;
    return;
  }
  Result<Type> type = parse_type(value.text);
  if (!type) {
    report_type(value.place, type.error().message(), report);
    port.is_broken = true;
    return;
  }
  if (of != PortsOf::kFunctionInputs && type->access != Access::kWhole) {
    const bool is_stream = type->access == Access::kStream;
    Type plain = *type;
    plain.access = Access::kWhole;
    report.add(value.place,
               fmt::format("'{}' is a way to read an input of a function, not the type of {}",
                           is_stream ? "stream" : "pipe",
                           of == PortsOf::kWorkflowInputs ? "an input of a workflow" : "an output"),
               fmt::format("write {}: its readers may still take it as it grows", to_text(plain)));
    port.is_broken = true;
    return;
  }
  port.type = *type;
}

std::optional<std::vector<DraftPort>> read_ports(const YamlMember& member, PortsOf of,
                                                 Report& report) {
  std::vector<DraftPort> ports;
  if (!expect_map(member.value, fmt::format("'{}'", member.key), report, "write { NAME: TYPE }")) {
    return std::nullopt;
  }
  for (const YamlMember& port : member.value.members) ports.push_back(read_port(port, of, report));
  return ports;
}

}  // namespace sluice::model
