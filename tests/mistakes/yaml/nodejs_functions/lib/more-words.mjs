export const count = ({ x }) => x;
