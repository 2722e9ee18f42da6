#include "runtime/launcher_protocol.h"

#include <cstring>

namespace sluice::runtime {

std::string encode_spawn(const LaunchRequest& request, const std::string& cwd,
                         const std::vector<std::string>& argv,
                         const std::vector<std::string>& env) {
  std::string packet(sizeof request, '\0');
  std::memcpy(packet.data(), &request, sizeof request);
  const auto append = [&packet](const std::string& text) {
    packet += text;
    packet += '\0';
  };
  append(cwd);
  for (const std::string& argument : argv) append(argument);
  for (const std::string& variable : env) append(variable);
  return packet;
}

Result<SpawnStrings> decode_spawn_strings(std::span<const char> packet) {
  LaunchRequest request;
  if (packet.size() <= sizeof request || packet.back() != '\0') {
    return fail(ErrorCode::kInternal, "a spawn request is cut off");
  }
  std::memcpy(&request, packet.data(), sizeof request);
  std::vector<const char*> all;
  for (std::size_t at = sizeof request; at < packet.size();) {
    all.push_back(packet.data() + at);
    at += std::strlen(packet.data() + at) + 1;
  }
  if (request.arguments == 0 || all.size() < 1 + std::size_t{request.arguments}) {
    return fail(ErrorCode::kInternal, "a spawn request has too few strings");
  }
  SpawnStrings strings;
  strings.cwd = all[0];
  const auto env_begin = all.begin() + 1 + request.arguments;
  strings.argv.assign(all.begin() + 1, env_begin);
  strings.argv.push_back(nullptr);
  strings.env.assign(env_begin, all.end());
  strings.env.push_back(nullptr);
  return strings;
}

}  // namespace sluice::runtime
