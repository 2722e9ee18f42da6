#pragma once

// One task: inputs are gathered, the program runs while its standard input is fed and its outputs
// leave, all that it started ends, what is left is emitted, and the node is told how it went. A
// state machine around descriptors: the worker polls what wish() names and calls advance().

#include <poll.h>

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "program/emission.h"
#include "program/process.h"

namespace sluice::program {

class Task {
 public:
  Task(const Description& description, Connection& connection, std::uint64_t handle,
       std::vector<std::uint16_t> announced, std::string folder, bool uses_shared_memory,
       std::vector<std::string> about);
  ~Task();

  std::uint64_t handle() const { return handle_; }

  void on_frame(const wire::Frame& frame);  // Inputs, credit, grants.
  void cancel(std::string reason);
  void on_child_ended() { is_child_news_ = true; }

  // Does what can be done; called after whatever happened. The first of the tasks that are held may
  // start its program.
  void advance(bool is_first);
  // Has answered; nothing of it is left but its folder.
  bool is_over() const { return stage_ == Stage::kOver; }
  void remove_folder();

  // What it waits for: descriptors are added. Milliseconds until advance() is wanted anyhow, -1:
  // never.
  int wish(std::vector<pollfd>& watched) const;

 private:
  enum class Stage : std::uint8_t { kGathering, kRunning, kDraining, kOver };

  void gather(bool is_first);
  Outcome<void> start();
  void run();
  void drain();
  void feed();
  void check_starved();
  Outcome<bool> read_printed();
  Outcome<void> send_printed(std::string_view bytes);
  Outcome<void> end_printed();
  Outcome<bool> emit();
  Outcome<bool> begin_emission();
  Outcome<void> check_unchanged() const;
  void fail(TaskFailure failure);
  void answer();
  std::optional<TaskFailure> failure_of_end() const;
  bool is_failing() const { return failure_.has_value() || cancelled_.has_value(); }

  const Description& description_;
  Connection& connection_;
  const std::uint64_t handle_;
  const std::string folder_;  // Of this task; that of the program is below it.
  const bool uses_shared_memory_;
  const std::vector<std::string> about_;  // Variables: run, path, attempt, …
  Stage stage_ = Stage::kGathering;
  Inputs inputs_;
  OutputCredit credit_;
  std::optional<Processes> processes_;
  bool is_child_news_ = false;
  Fd input_;                 // Our end of standard input.
  Fd output_;                // Our end of what is printed.
  bool is_blocked_ = false;  // The node was told that the program waits for its input.
  int starved_looks_ = 0;    // How often it was asked whether the pipe is empty.
  bool is_again_ = false;    // There is more to do at once.

  std::optional<Folder> program_folder_;
  std::vector<std::uint16_t> file_outputs_;  // Numbers of those that are files or globs.
  std::vector<std::unique_ptr<ProductFiles>> trackers_;  // One for each.
  std::optional<Emission> emission_;
  std::unordered_map<std::string, FileState> emitted_;  // By path.

  std::optional<ContentCheck> printed_check_;
  std::string printed_json_;
  bool is_printed_open_ = false;
  bool is_printed_over_ = false;  // Nobody writes to it any more.

  std::optional<TaskFailure> failure_;
  std::optional<std::string> cancelled_;
};

}  // namespace sluice::program
