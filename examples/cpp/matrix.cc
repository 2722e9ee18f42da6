// A product of two matrices by blocks of rows, and a check of it that costs next to nothing.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include <sluice/sluice.h>

namespace {

struct NoMatrix : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The numbers stay where they are: in memory that the node shares with its workers.
struct Matrix {
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::span<const double> numbers;

  std::span<const double> row(std::size_t i) const { return numbers.subspan(i * columns, columns); }
};

Matrix matrix_of(const sluice::Array& array, const char* name) {
  if (array.shape.size() != 2 || array.is_fortran) {
    throw NoMatrix(std::string(name) + " should have two dimensions, its rows one after the other");
  }
  return {array.shape[0], array.shape[1], array.as<double>()};
}

void check_fit(const Matrix& a, const Matrix& b) {
  if (a.columns == b.rows) return;
  throw NoMatrix("rows of " + std::to_string(a.columns) + " numbers cannot be multiplied with " +
                 std::to_string(b.rows) + " rows");
}

// Emits blocks of rows of about the same size: the first is multiplied while others are cut.
void rows(const sluice::Array& a, std::int64_t parts, sluice::Context& task) {
  const Matrix matrix = matrix_of(a, "a");
  if (parts < 1) throw NoMatrix("parts should be at least 1");
  const auto count = std::min(static_cast<std::size_t>(parts), matrix.rows);
  std::size_t begin = 0;
  for (std::size_t part = 1; part <= count; ++part) {
    const std::size_t end = matrix.rows * part / count;
    const auto block =
        matrix.numbers.subspan(begin * matrix.columns, (end - begin) * matrix.columns);
    task.emit("blocks", sluice::array_of(block, {end - begin, matrix.columns}));
    begin = end;
  }
}

void multiply(const sluice::Array& block, const sluice::Array& b, sluice::Context& task) {
  const Matrix left = matrix_of(block, "block"), right = matrix_of(b, "b");
  check_fit(left, right);
  std::vector<double> product(left.rows * right.columns);
  // Rows of b that fit a cache are used for all rows of the block.
  constexpr std::size_t kTile = 64;
  for (std::size_t begin = 0; begin < right.rows; begin += kTile) {
    const std::size_t end = std::min(begin + kTile, right.rows);
    for (std::size_t i = 0; i < left.rows; ++i) {
      double* const into = product.data() + i * right.columns;
      for (std::size_t k = begin; k < end; ++k) {
        const double factor = left.row(i)[k];
        const double* const from = right.row(k).data();
        for (std::size_t j = 0; j < right.columns; ++j) into[j] += factor * from[j];
      }
    }
  }
  std::printf("%zu rows\n", left.rows);  // sluice logs RUN
  task.emit("product",
            sluice::array_of(std::span<const double>(product), {left.rows, right.columns}));
}

std::vector<double> times(const Matrix& matrix, std::span<const double> vector) {
  std::vector<double> result(matrix.rows);
  for (std::size_t i = 0; i < matrix.rows; ++i) {
    const std::span<const double> row = matrix.row(i);
    for (std::size_t k = 0; k < row.size(); ++k) result[i] += row[k] * vector[k];
  }
  return result;
}

// Freivalds: for a random vector x, (AB)x and A(Bx) agree, and hardly ever if a number of AB is
// wrong. Reads the blocks as they are made, in the order of their rows.
std::tuple<std::int64_t, double> check(const sluice::Array& a, const sluice::Array& b,
                                       sluice::Stream<sluice::Array> products) {
  const Matrix left = matrix_of(a, "a"), right = matrix_of(b, "b");
  check_fit(left, right);
  std::mt19937_64 random(4711);
  std::vector<double> x(right.columns);
  for (double& number : x) number = static_cast<double>(random() % 2000) / 1000.0 - 1.0;
  const std::vector<double> expected = times(left, times(right, x));
  std::size_t row = 0;
  double deviation = 0;
  while (const auto block = products.next()) {
    for (const double found : times(matrix_of(*block, "product"), x)) {
      if (row == expected.size()) throw NoMatrix("the product has too many rows");
      const double wanted = expected[row++];
      deviation = std::max(deviation, std::abs(found - wanted) / std::max(1.0, std::abs(wanted)));
    }
  }
  if (row != expected.size()) throw NoMatrix("the product lacks rows");
  return {static_cast<std::int64_t>(row), deviation};
}

}  // namespace

int main(int argc, char** argv) {
  return sluice::serve(argc, argv, {{"rows", rows}, {"multiply", multiply}, {"check", check}});
}
