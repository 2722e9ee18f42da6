#pragma once

// Failures with a name of the workflow language, which `retry` and `catch` decide by.

#include <stdexcept>
#include <string>
#include <vector>

namespace sluice {

// An exception of another class fails the task by the name of its class (std::runtime_error:
// `runtime_error`); this one by the name it is given.
class Error : public std::runtime_error {
 public:
  Error(std::string name, const std::string& message, std::vector<std::string> bases = {})
      : std::runtime_error(message), name_(std::move(name)), bases_(std::move(bases)) {}
  const std::string& name() const { return name_; }
  const std::vector<std::string>& bases() const { return bases_; }

 private:
  std::string name_;
  std::vector<std::string> bases_;
};

struct InvalidInput : Error {
  explicit InvalidInput(const std::string& message) : Error("InvalidInput", message) {}
};
struct InvalidOutput : Error {
  explicit InvalidOutput(const std::string& message) : Error("InvalidOutput", message) {}
};
struct TooLarge : Error {
  explicit TooLarge(const std::string& message) : Error("TooLarge", message) {}
};
// The task is over: the run was cancelled, its time is over, an input was withdrawn. Thrown by what
// a function calls of this library.
struct Cancelled : Error {
  explicit Cancelled(const std::string& reason) : Error("Cancelled", reason) {}
};

}  // namespace sluice
