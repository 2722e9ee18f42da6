#pragma once

// From a C++ function to one that a worker can call: parameters are the declared inputs in their
// order, the result is the output, or a tuple of them. All by type, at compile time.

#include <concepts>
#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "sluice/stream.h"

namespace sluice {
namespace detail {

template <class>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;
template <class>
inline constexpr bool kIsVector = false;
template <class T>
inline constexpr bool kIsVector<std::vector<T>> = !std::is_same_v<T, std::byte>;
template <class>
inline constexpr bool kIsStream = false;
template <class T>
inline constexpr bool kIsStream<Stream<T>> = true;
template <class>
inline constexpr bool kIsTuple = false;
template <class... T>
inline constexpr bool kIsTuple<std::tuple<T...>> = true;
template <class>
inline constexpr bool kIsNeverSo = false;

// One value as a T, which may point into `item`.
template <class T>
T convert(Task& task, std::size_t input, const Port& port, Item& item) {
  if constexpr (kIsOptional<T>) {
    if (item.is_hole) return std::nullopt;
    return convert<typename T::value_type>(task, input, port, item);
  } else {
    if (item.is_hole) {
      throw InvalidInput("input `" + port.name +
                         "` is absent, and the parameter is no std::optional");
    }
    if constexpr (kIsVector<T>) {
      T found;
      found.reserve(item.elements.size());
      for (Item& element : item.elements) {
        found.push_back(convert<typename T::value_type>(task, input, port, element));
      }
      return found;
    } else if constexpr (std::is_same_v<T, Bytes>) {
      return as_bytes(port, item);
    } else if constexpr (std::is_same_v<T, std::vector<std::byte>>) {
      const Bytes bytes = as_bytes(port, item);
      return {bytes.begin(), bytes.end()};
    } else if constexpr (std::is_same_v<T, std::string_view> || std::is_same_v<T, std::string>) {
      return T(as_text(port, item));
    } else if constexpr (std::is_same_v<T, Json>) {
      return Json{std::string(as_json(port, item))};
    } else if constexpr (std::is_same_v<T, bool>) {
      return as_bool(port, item);
    } else if constexpr (std::is_integral_v<T>) {
      const std::int64_t number = as_int(port, item);
      if (!std::in_range<T>(number)) {
        throw InvalidInput("input `" + port.name + "`: " + std::to_string(number) +
                           " does not fit the parameter");
      }
      return static_cast<T>(number);
    } else if constexpr (std::is_floating_point_v<T>) {
      return static_cast<T>(as_float(port, item));
    } else if constexpr (std::is_same_v<T, Array>) {
      return as_array(port, item);
    } else if constexpr (std::is_same_v<T, std::filesystem::path>) {
      return file_of(task, input, item);
    } else {
      static_assert(kIsNeverSo<T>, "this type cannot be a parameter of a function: see cpp.md");
    }
  }
}

// An argument while the function runs: the value, and what it points into.
template <class T>
struct Argument {
  static constexpr bool kIsInput = true;
  static constexpr Shape kShape = kIsVector<T> ? Shape::kList : Shape::kValue;
  Item item;
  std::optional<T> value;
  void read(Task& task, std::size_t input) {
    item = take_value(task, input);
    value.emplace(convert<T>(task, input, input_port(task, input), item));
  }
  T& get() { return *value; }
};
template <class T>
struct Argument<Stream<T>> {
  static constexpr bool kIsInput = true;
  static constexpr Shape kShape = Shape::kStream;
  std::optional<Stream<T>> value;
  void read(Task& task, std::size_t input) { value.emplace(task, input); }
  Stream<T>& get() { return *value; }
};
template <>
struct Argument<Pipe> {
  static constexpr bool kIsInput = true;
  static constexpr Shape kShape = Shape::kPipe;
  std::optional<Pipe> value;
  void read(Task& task, std::size_t input) { value.emplace(task, input); }
  Pipe& get() { return *value; }
};
template <>
struct Argument<Context> {
  static constexpr bool kIsInput = false;
  static constexpr Shape kShape = Shape::kValue;
  std::optional<Context> value;
  void read(Task& task, std::size_t /*input*/) { value.emplace(task); }
  Context& get() { return *value; }
};
template <class T>
struct ShapeOf {
  static constexpr Shape value = Argument<T>::kShape;
};
template <class T>
struct ShapeOf<std::optional<T>> {
  static constexpr Shape value = Argument<T>::kShape;
};

template <class T>
Given given(const T& value) {
  using What = Given::What;
  if constexpr (std::is_same_v<T, bool>) {
    return {.what = What::kBool, .integer = value ? 1 : 0};
  } else if constexpr (std::is_integral_v<T>) {
    if (!std::in_range<std::int64_t>(value)) {
      throw InvalidOutput("the number does not fit 64 bits: give it as text");
    }
    return {.what = What::kInt, .integer = static_cast<std::int64_t>(value)};
  } else if constexpr (std::is_floating_point_v<T>) {
    return {.what = What::kFloat, .number = value};
  } else if constexpr (std::is_same_v<T, Json>) {
    return {.what = What::kJson, .bytes = bytes_of(value.text)};
  } else if constexpr (std::is_same_v<T, Array>) {
    return {.what = What::kArray, .array = &value};
  } else if constexpr (std::is_same_v<T, std::filesystem::path>) {
    return {.what = What::kFile, .path = value};
  } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    return {.what = What::kChars, .bytes = bytes_of(std::string_view(value))};
  } else if constexpr (std::is_convertible_v<const T&, Bytes>) {
    return {.what = What::kBytes, .bytes = value};
  } else {
    static_assert(kIsNeverSo<T>, "a value of this type cannot be an output: see cpp.md");
  }
}

// What was returned for one output.
template <class T>
void fill(Task& task, std::size_t output, const T& value) {
  if constexpr (kIsOptional<T>) {
    if (value) {
      fill(task, output, *value);
    } else if (!may_lack(task, output)) {
      throw InvalidOutput("output `" + output_port(task, output).name + "` was not given");
    }
  } else if constexpr (kIsVector<T>) {
    if (output_port(task, output).shape != Shape::kList) {
      throw InvalidOutput("output `" + output_port(task, output).name +
                          "` is no list, but a std::vector was returned");
    }
    for (const auto& element : value) {
      if constexpr (kIsOptional<typename T::value_type>) {
        emit(task, output, element ? given(*element) : Given{});
      } else {
        emit(task, output, given<typename T::value_type>(element));
      }
    }
  } else {
    if (output_port(task, output).shape == Shape::kList) {
      throw InvalidOutput("output `" + output_port(task, output).name +
                          "` is a list: return a std::vector, or emit its elements");
    }
    emit(task, output, given(value));
  }
}

template <class Result>
void deliver(Task& task, const Result& result) {
  if constexpr (kIsTuple<Result>) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (fill(task, I, std::get<I>(result)), ...);
    }(std::make_index_sequence<std::tuple_size_v<Result>>());
  } else {
    fill(task, 0, result);
  }
}

template <class Result>
constexpr std::size_t results_of() {
  if constexpr (std::is_void_v<Result>) {
    return 0;
  } else if constexpr (kIsTuple<Result>) {
    return std::tuple_size_v<Result>;
  } else {
    return 1;
  }
}

}  // namespace detail

template <class T>
std::optional<T> Stream<T>::next() {
  std::optional<detail::Item> item = detail::take_element(*task_, input_);
  if (!item) return std::nullopt;
  item_ = std::move(*item);
  return detail::convert<T>(*task_, input_, detail::input_port(*task_, input_), item_);
}

template <class T>
void Context::emit(std::string_view output, const T& value) {
  detail::emit(*task_, detail::output_index(*task_, output), detail::given(value));
}

template <class T>
T Context::read(std::string_view input) {
  static_assert(
      !std::is_same_v<T, std::string_view> && !std::is_same_v<T, Bytes>,
      "read() gives away what nobody holds: ask for std::string or std::vector<std::byte>");
  const std::size_t index = detail::input_index(*task_, input);
  if constexpr (detail::kIsStream<T> || std::is_same_v<T, Pipe>) {
    return T(*task_, index);
  } else {
    detail::Item item = detail::take_value(*task_, index);
    return detail::convert<T>(*task_, index, detail::input_port(*task_, index), item);
  }
}

// A function of a worker, made of a C++ function, a lambda, or an object with one operator().
class Function {
 public:
  template <class R, class... A>
  Function(R (*function)(A...)) {  // NOLINT(google-explicit-constructor): {{"merge", merge}}
    wrap<R, A...>(function);
  }
  template <class F>
    requires requires { &F::operator(); }
  Function(F object) {  // NOLINT(google-explicit-constructor)
    wrap_object(std::move(object), &F::operator());
  }

  // For the worker.
  std::vector<detail::Shape> shapes;  // Of its inputs, in order.
  std::size_t results = 0;            // 0: it returns nothing and emits.
  std::function<void(detail::Task&)> call;

 private:
  template <class F, class R, class C, class... A>
  void wrap_object(F object, R (C::*)(A...) const) {
    wrap<R, A...>(std::move(object));
  }
  template <class F, class R, class C, class... A>
  void wrap_object(F object, R (C::*)(A...)) {
    wrap<R, A...>(std::move(object));
  }

  template <class R, class... A, class F>
  void wrap(F function) {
    const auto add = [this]<class T>(std::type_identity<T>) {
      if constexpr (detail::Argument<T>::kIsInput) shapes.push_back(detail::ShapeOf<T>::value);
    };
    (add(std::type_identity<std::remove_cvref_t<A>>{}), ...);
    results = detail::results_of<R>();
    call = [function = std::move(function)](detail::Task& task) mutable {
      std::tuple<detail::Argument<std::remove_cvref_t<A>>...> arguments;
      std::size_t input = 0;
      const auto read = [&](auto& argument) {
        argument.read(task, input);
        if (argument.kIsInput) ++input;
      };
      std::apply([&](auto&... argument) { (read(argument), ...); }, arguments);
      detail::about_to_call(task);
      const auto invoke = [&](auto&... argument) -> R {
        return function(static_cast<A&&>(argument.get())...);
      };
      if constexpr (std::is_void_v<R>) {
        std::apply(invoke, arguments);
      } else {
        detail::deliver<R>(task, std::apply(invoke, arguments));
      }
    };
  }
};

}  // namespace sluice
