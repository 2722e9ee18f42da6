#include "node/worker_spec.h"

#include "base/json.h"
#include "base/limits.h"
#include "wire/abi.h"

namespace sluice::node {
namespace {

std::string setup_of(const AppVersion& version, const model::Function& function, ByteCount memory) {
  Json inputs = Json::list();
  for (const model::Port& port : function.inputs) {
    Json entry;
    entry.set("name", port.name).set("type", model::to_text(port.type));
    entry.set("required", !port.type.optional && !port.default_value);
    if (port.default_value) entry.set("default", *port.default_value);
    inputs.push(std::move(entry));
  }
  Json outputs = Json::list();
  for (const model::Port& port : function.outputs) {
    Json entry;
    entry.set("name", port.name)
        .set("type", model::to_text(port.type))
        .set("optional", port.type.optional);
    outputs.push(std::move(entry));
  }
  Json setup;
  setup.set("abi", SLUICE_ABI_VERSION)
      .set("function", function.name)
      .set("handler", function.handler);
  setup.set("code", version.bundle().native()).set("scratch", "@SCRATCH@");
  std::error_code none;
  if (std::filesystem::is_directory(version.python_packages(), none))
    setup.set("packages", Json::list().push(version.python_packages().native()));
  setup.set("memory", function.memory.value_or(memory).value);
  setup.set("inline_max", static_cast<std::int64_t>(Limits::kInlineMax));
  setup.set("inputs", std::move(inputs)).set("outputs", std::move(outputs));
  if (function.command != nullptr) setup.set("program", to_json(*function.command));
  return to_text(setup);
}

}  // namespace

Result<runtime::PoolSpec> worker_spec(const AppVersion& version, const model::Function& function,
                                      const WorkerPrograms& programs, ByteCount memory) {
  SLUICE_TRY(WorkerCommand command, worker_command(programs, function, version.bundle()));
  runtime::PoolSpec spec{.name =
                             fmt::format("{}@{}/{}", version.name, version.number, function.name)};
  spec.argv = std::move(command.argv);
  spec.env = std::move(command.env);
  for (const auto& [name, value] : function.env) {
    spec.env.push_back(fmt::format("{}={}", name, value));
  }
  spec.setup = setup_of(version, function, memory);
  return spec;
}

}  // namespace sluice::node
