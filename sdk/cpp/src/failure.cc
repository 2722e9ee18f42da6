#include "failure.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <new>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <vector>

#include "json.h"
#include "sluice/error.h"

namespace sluice::detail {
namespace {

constexpr std::size_t kMessageMax = 4096;

std::string payload(std::string_view name, std::string_view message,
                    const std::vector<std::string>& bases) {
  std::string text = "{\"name\":" + quoted(name.substr(0, 200)) +
                     ",\"message\":" + quoted(message.substr(0, kMessageMax)) +
                     ",\"trace\":\"\",\"bases\":[";
  for (std::size_t i = 0; i < bases.size() && i < 32; ++i) {
    text += (i == 0 ? "" : ",") + quoted(std::string_view(bases[i]).substr(0, 200));
  }
  return text + "]}";
}

std::string class_of(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), &std::free);
  return status == 0 ? std::string(name.get()) : std::string(type.name());
}

// `runtime_error` of `std::runtime_error`.
std::string last_part(const std::string& name) {
  const std::string plain = name.substr(0, name.find('<'));
  const std::size_t colon = plain.rfind(':');
  return colon == std::string::npos ? plain : plain.substr(colon + 1);
}

// C++ cannot list the bases of a class; those of the standard library can be asked for.
template <class Base>
void add_base(const std::exception& error, std::string_view name, std::vector<std::string>& bases) {
  if (dynamic_cast<const Base*>(&error) != nullptr) bases.emplace_back(name);
}

}  // namespace

std::string failure_payload(std::string_view name, std::string_view message,
                            std::initializer_list<std::string_view> bases) {
  return payload(name, message, {bases.begin(), bases.end()});
}

std::string describe_failure(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const Error& error) {
    std::vector<std::string> bases = error.bases();
    const std::string name = last_part(class_of(typeid(error)));
    if (name != error.name() && name != "Error") bases.push_back(name);
    return payload(error.name(), error.what(), bases);
  } catch (const std::bad_alloc& error) {
    return payload("OutOfMemory", "there was not enough memory", {"bad_alloc"});
  } catch (const std::exception& error) {
    const std::string full = class_of(typeid(error));
    std::vector<std::string> bases{full};
    add_base<std::system_error>(error, "system_error", bases);
    add_base<std::invalid_argument>(error, "invalid_argument", bases);
    add_base<std::out_of_range>(error, "out_of_range", bases);
    add_base<std::runtime_error>(error, "runtime_error", bases);
    add_base<std::logic_error>(error, "logic_error", bases);
    bases.emplace_back("exception");
    return payload(last_part(full), error.what(), bases);
  } catch (...) {
    const std::type_info* type = abi::__cxa_current_exception_type();
    return payload(type == nullptr ? "unknown" : last_part(class_of(*type)),
                   "something was thrown that is no std::exception", {});
  }
}

}  // namespace sluice::detail
