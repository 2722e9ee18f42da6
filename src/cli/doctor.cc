// `sluice doctor`: what this machine offers, and what that means for `sluice serve` with the
// settings as they are. Needs no server.

#include <unistd.h>

#include <algorithm>

#include "base/json.h"
#include "base/version.h"
#include "bundle/program.h"
#include "cli/diagnosis.h"
#include "cli/document.h"
#include "cli/listen_probe.h"
#include "cli/session.h"
#include "model/names.h"
#include "settings/read.h"

extern char** environ;

namespace sluice::cli {
namespace {

using settings::SettingId;

// For another program that has the port and waits for us to speak.
constexpr Duration kAnswerTime = std::chrono::seconds(2);

// Set by the server for its workers.
bool is_internal(std::string_view name) {
  return name == "SLUICE_FD" || name == "SLUICE_MARK" || name == "SLUICE_COPY";
}

// Only names close to one that is read: others may be anybody's.
std::vector<std::string> strange_variables() {
  std::vector<std::string> known;
  for (const settings::Setting& setting : settings::all_settings()) {
    if (setting.has_variable) known.push_back(variable_of(setting));
  }
  std::vector<std::string> strange;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::string_view name = text.substr(0, text.find('='));
    if (!name.starts_with("SLUICE_") || is_internal(name) ||
        std::ranges::find(known, name) != known.end()) {
      continue;
    }
    const std::string guess = model::did_you_mean(name, std::span<const std::string>(known));
    if (!guess.empty()) strange.push_back(fmt::format("{} ({})", model::shown(name), guess));
  }
  return strange;
}

// The version of the Sluice server that answers at this address, if one does.
std::string version_of_server_at(const settings::Address& address) {
  ServerAddress server;
  const bool is_ipv6 = address.host.find(':') != std::string::npos;
  server.base =
      fmt::format("http://{}:{}", is_ipv6 ? '[' + address.host + ']' : address.host, address.port);
  Result<HttpClient> client = HttpClient::create(server);
  if (!client) return {};
  const Result<Json> document = client->json({.path = "/version", .timeout = kAnswerTime});
  return document ? printable_line(text_member(*document, "version")) : std::string();
}

// As the server looks for it.
std::string find_node() {
  std::string path = bundle::find_program("node", settings::process_variable("PATH"));
  return path.empty() ? bundle::find_program("node", bundle::kSystemPath) : path;
}

ListenPlace inspect_listen(const std::string& text) {
  ListenPlace place{.address = text};
  const Result<settings::Address> address = settings::parse_address(text);
  if (!address) return place;  // Checked when it was read.
  place.is_loopback = settings::is_loopback(address->host);
  if (!place.is_loopback) return place;
  if (const Status free = probe_listen(*address); !free) {
    place.obstacle = free.error().message();
    if (free.error().code() == ErrorCode::kUnavailable)
      place.sluice_version = version_of_server_at(*address);
  }
  return place;
}

Result<Surroundings> inspect_surroundings(const DoctorCommand& command) {
  Surroundings around;
  std::vector<settings::FlagWords> flags;
  if (!command.listen.empty())
    flags.push_back({.id = SettingId::kListen, .words = {command.listen}});
  if (!command.data.empty()) flags.push_back({.id = SettingId::kData, .words = {command.data}});
  Result<settings::Values> values =
      settings::read_settings(settings::Side::kServer, flags, settings::process_variable);
  if (!values) {
    around.configuration_mistake = values.error().message();
    values = settings::Values(settings::Side::kServer);
  }
  around.files = values->files();
  around.strange_variables = strange_variables();
  around.python = bundle::program_version("/usr/bin/python3");
  around.node_path = find_node();
  around.node = bundle::program_version(around.node_path);
  around.wanted_memory = values->size(SettingId::kMemory);
  around.wanted_workers = values->count(SettingId::kWorkers);
  around.wanted_processes = values->count(SettingId::kProcesses);
  SLUICE_TRY(const std::filesystem::path data,
             settings::data_directory(*values, settings::process_variable));
  around.data = inspect_data(data);
  around.listen = inspect_listen(values->text(SettingId::kListen));
  return around;
}

Json to_json(const std::vector<Check>& checks, bool is_good) {
  Json list = Json::list();
  for (const Check& check : checks) {
    Json one = Json::map();
    one.set("name", check.name).set("state", to_string(check.state)).set("text", check.text);
    if (!check.advice.empty()) one.set("advice", check.advice);
    list.push(std::move(one));
  }
  Json document = Json::map();
  document.set("version", version()).set("ok", is_good).set("checks", std::move(list));
  return document;
}

std::string to_lines(const std::vector<Check>& checks) {
  std::string out;
  for (const Check& check : checks) {
    out += fmt::format("{:<8} {:<16} {}\n", to_string(check.state), check.name,
                       printable_line(check.text));
    if (!check.advice.empty())
      out += fmt::format("{:<8} {:<16} {}\n", "", "", printable_line(check.advice));
  }
  return out;
}

}  // namespace

Result<ExitCode> examine(const DoctorCommand& command) {
  SLUICE_TRY(const Surroundings around, inspect_surroundings(command));
  const std::vector<Check> checks = diagnose(inspect_machine(), around);
  const bool is_good = std::ranges::none_of(
      checks, [](const Check& check) { return check.state == CheckState::kProblem; });
  SLUICE_OK(write_output(command.format == Format::kJson
                             ? to_pretty_text(to_json(checks, is_good)) + '\n'
                             : to_lines(checks)));
  return is_good ? ExitCode::kOk : ExitCode::kRunFailed;
}

}  // namespace sluice::cli
